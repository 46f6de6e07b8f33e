// Tables: what their columns mean, and each as CSV; merges and kinetics are shown.
"use strict";

const MOST_ROWS = 200;

function showTable(heads, rows, onRow = null) {
  const isNumber = heads.map((_, column) => rows.every((row) => typeof row[column] === "number" || row[column] === null));
  const cell = (value, column) => html("td", { class: isNumber[column] ? "number" : null }, typeof value === "number" ? short(value) : value ?? "–");
  const body = rows.slice(0, MOST_ROWS).map((row, index) => {
    const made = html("tr", {}, row.map(cell));
    return onRow ? onRow(made, index) : made;
  });
  const more = rows.length > MOST_ROWS ? html("p", { class: "hint" }, `The first ${MOST_ROWS} of ${rows.length} rows; the CSV holds all.`) : null;
  return html("div", { class: "scroll", tabindex: 0 }, html("table", {}, html("thead", {}, html("tr", {}, heads.map((name, column) => html("th", { class: isNumber[column] ? "number" : null }, name)))), html("tbody", {}, body)), more);
}

// The merges, sorted and without those that are too doubtful, as a reader asks for; what was answered stays.
function listMerges() {
  const order = html("select", { id: "merge-order", onchange: draw }, ["frame", "confidence", "diameter", "area_ratio"].map((name) => html("option", { value: name }, name.replace("_", " "))));
  const least = html("input", { id: "merge-least", type: "range", min: 0, max: 1, step: 0.05, value: 0, oninput: draw });
  const list = html("div"), told = html("output");
  const answered = numbers.corrections ? html("button", { type: "button", id: "save-answers", onclick: saveAnswers }, "corrections.jsonl") : null;
  document.getElementById("merge-table").append(html("div", { class: "row" }, html("label", {}, "Sort by ", order), html("label", {}, "Least confidence ", least), told, answered), list);
  listen("answer", draw);
  listen("merge", mark);
  draw();

  function draw() {
    const shown = merges.map((_, index) => index).filter((index) => (merges[index].confidence ?? 1) >= Number(least.value));
    shown.sort((a, b) => (merges[a][order.value] ?? Infinity) - (merges[b][order.value] ?? Infinity) || a - b);
    told.textContent = `${short(Number(least.value))}: ${shown.length} of ${merges.length} merges`;
    if (answered) answered.disabled = !answers.size;
    list.replaceChildren(tableOfMerges(shown));
    mark();
  }

  function mark() {
    list.querySelectorAll("tr[data-merge]").forEach((row) => row.classList.toggle("chosen", Number(row.dataset.merge) === state.merge));
  }
}

function tableOfMerges(shown) {
  const heads = ["frame", ...(seconds ? ["time (s)"] : []), "contact", "parents", "child", `diameter (${unit})`, "area ratio", "confidence", "answer"];
  const rows = shown.map((index) => [merges[index], answers.get(index) ?? ""]).map(([merge, answer]) => [merge.frame, ...(seconds ? [seconds[merge.frame]] : []), merge.contact_frame, merge.parent_ids.join(" + "), merge.child_id, merge.diameter, merge.area_ratio, merge.confidence, answer]);
  return showTable(heads, rows, (row, place) => {
    row.dataset.merge = shown[place];
    row.classList.add("clickable");
    row.addEventListener("click", () => chooseMerge(shown[place]));
    return row;
  });
}

function listKinetics() {
  const rows = numbers.kinetics, place = document.getElementById("kinetics-table");
  const interval = ({ low, high }) => (low === null && high === null ? "–" : `${short(low, 3)} to ${short(high, 3)}`);
  const about = ({ frame, event_id: event }) => (frame !== null ? `frame ${frame}` : event !== null ? `merge ${event}` : "whole run");
  const found = rows.filter(({ value, at }) => value !== null && (at ?? null) === null), refused = rows.filter(({ value }) => value === null);
  place.append(showTable(["quantity", "of", "value", "95 % interval", "unit", "n", "method"],
    found.map((row) => [row.quantity.replaceAll("_", " "), about(row), row.value, interval(row), row.unit === "1" ? "" : row.unit, row.n, row.method])));
  if (!refused.length) return;
  const reasons = new Map();
  for (const { quantity, reason } of refused) reasons.set(reason, (reasons.get(reason) ?? new Set()).add(quantity.replaceAll("_", " ")));
  place.append(html("details", {}, html("summary", {}, "What was refused, and why"),
    html("ul", {}, [...reasons].map(([reason, names]) => html("li", {}, html("b", {}, [...names].join(", ")), `: ${reason}`)))));
}

function listTables() {
  const download = async (name) => save(`${name}.csv`, await unpacked(await partText(`csv-${name}`)), "text/csv");
  document.getElementById("table-list").append(...numbers.tables.map(({ name, n_rows: nRows, columns, has_csv: hasCsv }) => html("article", { class: "table" },
    html("header", {}, html("h3", {}, name), html("span", { class: "hint" }, `${nRows.toLocaleString("en")} rows`),
      hasCsv ? html("button", { type: "button", "data-csv": name, onclick: () => download(name) }, "CSV")
        : html("span", { class: "hint" }, `too large for a page: ${name}.parquet`)),
    html("details", {}, html("summary", {}, `${columns.length} columns`),
      html("dl", { class: "columns" }, columns.map((one) => html("div", {}, html("dt", {}, one.name), html("dd", {}, one.meaning || "–", one.unit && one.unit !== "1" ? ` (${one.unit})` : ""))))))));
}
