// The page: keys, buttons, and its start.
"use strict";

const LOOK_KEYS = {
  ArrowRight: () => goTo(t + 1), ArrowLeft: () => goTo(t - 1), " ": () => play(playing === null),
  0: () => { fit(); redraw(); }, g: () => $("number").select(),
};

const KEYS = {
  y: () => answer(true), n: () => answer(false), ".": () => go(1), ",": () => go(-1),
  z: () => did("reverse", { redo: false }, "undone"), Z: () => did("reverse", { redo: true }, "made again"),
  ...Object.fromEntries(Object.entries(TOOL_KEYS).map(([key, name]) => [key, () => use(name)])),
  "[": () => resizeBrush(-1), "]": () => resizeBrush(1), Enter: () => finish(),
  Backspace: () => { drawn = drawn.slice(0, -1); redraw(); },
  Escape: () => { selected = []; setTool(null); showSelected(); },
};

function resizeBrush(by) {
  $("radius").value = Number($("radius").value) + by;
  redraw();
}

const isTyping = (place) => place.id === "why" || place.id === "number";

function listen(keys, buttons) {
  for (const [id, key] of Object.entries(buttons)) $(id).onclick = () => keys[key]();
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });
}

// What a person may do with the movie while tables are still read.
function connectMovie() {
  listen(LOOK_KEYS, { play: " ", fit: "0" });
  $("slider").oninput = () => goTo(Number($("slider").value));
  $("number").onchange = () => {
    const wanted = Number($("number").value);
    $("number").blur();
    goTo(Math.round((wanted - run.first_frame) / run.frame_step));
  };
  $("outlines").onchange = redraw;
  const look = () => { $("picture").style.filter = `brightness(${$("brightness").value}%) contrast(${$("contrast").value}%)`; };
  $("brightness").oninput = $("contrast").oninput = look;
  $("stage").onpointerdown = (event) => (tool ? drawWith(event) : pan(event));
  $("stage").onpointermove = (event) => { pointer = placeOf(event); if (isBrush()) redraw(); };
  $("stage").addEventListener("wheel", zoom, { passive: false });
  new ResizeObserver(() => { resize(); redraw(); }).observe($("stage"));
}

function connectTools() {
  const keyOf = Object.fromEntries(Object.entries(TOOL_KEYS).map(([key, name]) => [name, key]));
  for (const [group, tools] of Object.entries(TOOLS)) {
    const [row, set] = [0, 1].map(() => document.createElement("div"));
    row.append(Object.assign(document.createElement("span"), { textContent: group }), set);
    for (const [name, [, , meaning]] of Object.entries(tools)) {
      const button = document.createElement("button");
      button.textContent = keyOf[name] ? `${name} (${keyOf[name]})` : name;
      button.dataset.tool = name;
      button.title = meaning;
      button.onclick = () => { button.blur(); use(name); }; // else Enter would press it again
      button.disabled = !run.has_model && (name === "point" || name === "box");
      set.append(button);
    }
    $("tools").append(row);
  }
  listen(KEYS, { yes: "y", no: "n", next: ".", back: ",", undo: "z", redo: "Z" });
  $("measure").onclick = () => showChanges(null);
  $("whatif").onclick = () => showChanges(current().kind);
  document.querySelector("aside").inert = false;
}

async function start() {
  run = await ask("run");
  document.title = `${run.name} · temtrack review`;
  $("name").textContent = run.name;
  $("slider").max = run.n_frames - 1;
  keepWhatFits();
  connectMovie();
  resize();
  fit();
  await goTo(0);
  while (!run.queue) {
    Object.assign(run, await ask("queue"));
    if (!run.queue) await new Promise((resume) => setTimeout(resume, 100));
  }
  state = await ask("state");
  connectTools();
  showState();
  item = Math.max(run.queue.findIndex((one) => !state.answered[one.key]), 0);
  await toItem();
  if (!run.queue.length) await goTo(t);
  document.documentElement.dataset.ready = "";
}

start().catch((error) => { $("question").textContent = error.message; });
