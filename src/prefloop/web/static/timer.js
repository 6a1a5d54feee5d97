// Seconds somebody works on an item: not while the page is hidden, nor later than 30 s after the last key or touch.
const IDLE = 30_000;

export class Timer {
  constructor(clock = () => performance.now()) {
    this.clock = clock;
    this.start(0);
    for (const event of ["keydown", "pointerdown", "pointermove", "wheel", "touchmove", "scroll"]) {
      addEventListener(event, () => this.touch(), { passive: true, capture: true });
    }
    document.addEventListener("visibilitychange", () => this.touch());
  }

  start(seconds) {
    this.total = seconds * 1000;
    this.last = this.clock();
    this.visible = !document.hidden;
  }

  touch() {
    const now = this.clock();
    if (this.visible) this.total += Math.min(now - this.last, IDLE);
    this.last = now;
    this.visible = !document.hidden;
  }

  get seconds() {
    const going = this.visible ? Math.min(this.clock() - this.last, IDLE) : 0;
    return Math.round((this.total + going) / 100) / 10;
  }
}
