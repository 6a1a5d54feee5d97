export { default } from "../pick.js";
