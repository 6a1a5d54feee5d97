// Proposes a break after so many minutes of work without one. Five minutes without a sign of life are a break.
const REST = 5 * 60_000;

export default function breaks(box, minutes, clock = () => Date.now()) {
  if (!minutes) return;
  let [since, last] = [clock(), clock()];
  const touch = () => {
    const now = clock();
    if (now - last > REST) since = now;
    last = now;
  };
  for (const event of ["keydown", "pointerdown", "pointermove", "wheel", "touchmove"]) {
    addEventListener(event, touch, { passive: true, capture: true });
  }
  box.querySelector("button").onclick = () => {
    box.hidden = true;
    since = clock();
  };
  setInterval(() => {
    const now = clock();
    if (now - last > REST || now - since < minutes * 60_000 || !box.hidden) return;
    box.querySelector("p").textContent = `You have worked for ${Math.round((now - since) / 60_000)} minutes. A short break helps; everything is kept.`;
    box.hidden = false;
  }, 30_000);
}
