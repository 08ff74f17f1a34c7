// The handle between the table and the charts: dragged, or moved by the arrow keys. Where it stands is in the address.
import { remember } from "./address.js";

const USUAL = 50; // percent of the width that the table has
const STEP = 5;

export function attach(handle) {
  const bench = handle.parentElement;
  const [least, most] = [Number(handle.ariaValueMin), Number(handle.ariaValueMax)];
  let share = Number(handle.ariaValueNow);

  function choose(wanted) {
    share = Math.round(Math.min(most, Math.max(least, wanted)));
    handle.ariaValueNow = share;
  }

  function settle(wanted) {
    choose(wanted);
    handle.style.translate = "";
    bench.style.setProperty("--split", share); // charts are drawn anew, so not at every pixel of the way
    remember("split", share === USUAL ? "" : share);
  }

  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    const { left, width } = bench.getBoundingClientRect();
    const from = share;
    const follow = ({ clientX }) => {
      choose(((clientX - left) / width) * 100);
      handle.style.translate = `${((share - from) / 100) * width}px`;
    };
    handle.addEventListener("pointermove", follow);
    handle.addEventListener("lostpointercapture", () => {
      handle.removeEventListener("pointermove", follow);
      settle(share);
    }, { once: true });
  });
  handle.addEventListener("dblclick", () => settle(USUAL));
  handle.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: share - STEP, ArrowRight: share + STEP, Home: least, End: most, Enter: USUAL }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    settle(to);
  });
  handle.hidden = false;
}
