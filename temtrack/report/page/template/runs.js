// Several runs on one page: a table of them, and which one is shown, as the address says: page.html?run=TITLE.
"use strict";

const { runs: RUNS, beside: BESIDE } = JSON.parse(document.getElementById("all-runs").textContent);
const RUN = RUNS.find((one) => one.title === new URLSearchParams(location.search).get("run")) ?? RUNS[0];

const runLink = (one) => html("a", { href: `?run=${encodeURIComponent(one.title)}`, "aria-current": one === RUN ? "page" : null }, one.title);

function tellRuns() {
  const fromTo = ([first, last], factor = 1) => (first === null ? "–" : `${short(first * factor, 3)} → ${short(last * factor, 3)}`);
  const units = [...new Set(RUNS.map((one) => one.unit))];
  const heads = ["run", "frames", "time (s)", "particles", "merges", `mean diameter (${units.join(" or ")})`, "coverage (%)"];
  const rows = RUNS.map((one) => [runLink(one), one.n_frames, one.seconds, fromTo(one.n_particles), one.n_merges, fromTo(one.mean_diameter) + (units.length > 1 ? ` ${one.unit}` : ""), fromTo(one.coverage, 100)]);
  const place = document.getElementById("runs");
  place.hidden = false;
  place.append(markRun(showTable(heads, rows), RUNS.indexOf(RUN)));
  if (BESIDE.length) place.append(html("details", {}, html("summary", {}, "Kinetics of the runs beside each other"), besideTable()));
  place.append(html("h2", {}, RUN.title));
  document.title = `${RUN.title} · ${document.title}`;
}

function markRun(table, index) {
  table.querySelectorAll("tbody tr").forEach((row, place) => row.classList.toggle("chosen", place === index));
  return table;
}

function besideTable() {
  const words = ([value, low, high]) => (value === null ? "–" : short(value, 3) + (low === null || high === null ? "" : ` [${short(low, 3)}, ${short(high, 3)}]`));
  const rows = BESIDE.map(({ quantity, unit, values }) => [quantity.replaceAll("_", " "), ...RUNS.map((one) => (values[one.title] ? words(values[one.title]) : "–")), unit === "1" ? "" : unit]);
  return showTable(["quantity", ...RUNS.map((one) => one.title), "unit"], rows);
}
