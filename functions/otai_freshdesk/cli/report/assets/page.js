"use strict";
(() => {
  const { report, cells, texts } = JSON.parse(document.getElementById("data").textContent);
  const { steps, language } = report.page;
  const byId = (id) => document.getElementById(id);

  // ---- words and numbers: every text of a ticket goes in as text, never as markup

  const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const percents = (least) => new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: least, maximumFractionDigits: 1 });
  const [round, aligned] = [percents(0), percents(1)]; // 95% alone, 95.0% where figures stand below each other
  const dates = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });
  const count = (value) => numbers.format(value);
  const share = (part, whole) => (whole ? aligned.format(part / whole) : "–");
  const given = (value) => value !== null && value !== undefined;
  const percent = (value) => (given(value) ? aligned.format(value) : "–");
  const rounded = (value) => (given(value) ? round.format(value) : "–");
  const day = (text) => dates.format(new Date(`${text.slice(0, 10)}T00:00:00Z`));
  const threshold = (step) => (step > steps ? texts["threshold.never"] : round.format(step / steps));
  const fieldName = (name) => texts[`field.${name}`] ?? name;
  const languages = new Intl.DisplayNames([language], { type: "language", fallback: "code" });
  const languageName = (code) => {
    if (!/^[a-z]{2,3}$/.test(code)) return code || texts.unknown;
    return languages.of(code) ?? code;
  };
  const shown = (label) => label === "" ? texts.empty : label;

  /** Return the parts of a text, its {names} replaced by strings or elements. */
  function parts(key, values = {}) {
    return texts[key].split(/\{(\w+)\}/).map((piece, place) => (place % 2 ? values[piece] : piece));
  }
  const say = (key, values) => parts(key, values).join("");

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") made.className = value;
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }
  function drawn(tag, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }
  const AT_FIRST = 8; // disagreements shown before the rest is folded away
  const put = (id, ...children) => byId(id).replaceChildren(...children);
  const strong = (text, kind = "") => element("b", kind ? { class: kind } : {}, text);

  /** Return a bar of shares: set as people did, set otherwise, left to people. */
  function bar(tag, attributes, score) {
    const kinds = [["right", score.routed - score.wrong], ["wrong", score.wrong], ["left", score.decided - score.routed]];
    const made = element(tag, attributes);
    for (const [kind, value] of kinds) {
      if (!value) continue;
      const piece = element("i", { class: `is-${kind}` });
      piece.style.setProperty("--share", value);
      made.append(piece);
    }
    return made;
  }

  function table(id, head, rows) {
    const top = element("tr", {}, ...head.map(([key, kind]) => element("th", { scope: "col", class: kind ?? "" }, texts[key])));
    put(id, element("thead", {}, top), element("tbody", {}, ...rows));
  }
  function row(first, cellsOfRow, kind = "") {
    const made = element("tr", { class: kind }, element("th", { scope: "row" }, first));
    for (const [content, cls] of cellsOfRow) made.append(element("td", { class: cls ?? "" }, content));
    return made;
  }

  // ---- counting: the same rules as in the evaluation, at any threshold

  /** Return the scores of a field at a step: of all, by group, by language, and the matrix. */
  function recount(number, step) {
    const labels = report.fields[number].confusion.labels;
    const { groups, languages: codes, rows } = cells[number];
    const score = () => ({ decided: 0, routed: 0, wrong: 0 });
    const counted = {
      all: score(),
      groups: groups.map(score),
      languages: codes.map(score),
      matrix: labels.map(() => new Array(labels.length + 1).fill(0)),
    };
    for (const [group, code, decided, proposed, acts, at, tickets] of rows) {
      const routed = acts === 1 && at >= step;
      const wrong = routed && proposed !== decided;
      for (const one of [counted.all, counted.groups[group], counted.languages[code]]) {
        if (!one) continue;
        one.decided += tickets;
        one.routed += routed ? tickets : 0;
        one.wrong += wrong ? tickets : 0;
      }
      counted.matrix[decided][routed ? proposed : labels.length] += tickets;
    }
    return counted;
  }

  function saved(score, assumed) {
    if (!score.decided) return { hours: 0, reassignments: 0 };
    const routed = (assumed.tickets_a_month * score.routed) / score.decided;
    const wrong = (assumed.tickets_a_month * score.wrong) / score.decided;
    const reassignments = routed * assumed.reassigned_by_hand - wrong;
    return {
      hours: (routed * assumed.minutes_to_sort + reassignments * assumed.minutes_to_reassign) / 60,
      reassignments,
    };
  }

  // ---- the state: which field, and the threshold of each

  const stepOf = (value) => (value === null ? steps + 1 : Math.round(value * steps));
  const present = report.fields.map((field) => stepOf(field.threshold));
  const chosen = [...present];
  let current = Math.max(0, report.fields.findIndex((field) => field.name === report.savings?.field));
  const assumed = { ...report.savings?.assumption };

  // ---- what depends on the threshold

  function showThreshold() {
    const field = report.fields[current];
    const step = chosen[current];
    const counted = recount(current, step);
    const { decided, routed, wrong } = counted.all;

    put("answer", ...parts(`answer.${report.kind}`, {
      threshold: threshold(step),
      field: fieldName(field.name),
      routed: strong(count(routed)),
      decided: count(decided),
      wrong: strong(count(wrong), "wrong"),
    }));
    byId("answer").dataset.routed = routed;
    byId("answer").dataset.wrong = wrong;
    byId("strip").replaceWith(bar("div", { class: "strip", id: "strip", "aria-hidden": "true" }, counted.all));
    const kinds = [["right", routed - wrong], ["wrong", wrong], ["left", decided - routed]];
    put("legend", ...kinds.map(([kind, value]) => element("li", {},
      element("i", { class: `is-${kind}` }), strong(share(value, decided)),
      element("span", {}, `${texts[`legend.${kind}`]} (${count(value)})`))));

    byId("threshold").value = step;
    byId("threshold").setAttribute("aria-valuetext", threshold(step));
    put("threshold-value", threshold(step));
    moveMarker(step);
    byId("curve").firstElementChild.setAttribute("aria-label", say("chart", {
      threshold: threshold(step), right: count(routed - wrong), wrong: count(wrong), left: count(decided - routed),
    }));
    const advised = field.recommendation.threshold;
    byId("to-present").setAttribute("aria-pressed", String(step === present[current]));
    byId("to-recommended").setAttribute("aria-pressed", String(advised !== null && step === stepOf(advised)));

    showParts("by-group", "column.group", field.by_group.map((one) => shown(one.group)), counted.groups);
    showParts("by-language", "column.language", field.by_language.map((one) => languageName(one.language)), counted.languages);
    showMatrix(field.confusion.labels, counted.matrix);
    showDisagreements(field, step);
    showSavings();
  }

  function showParts(id, key, names, scores) {
    const head = [[key], ["column.tickets"], ["column.coverage", "wide"], ["column.mix", "mix"], ["column.precision"]];
    table(id, head, names.map((name, place) => {
      const one = scores[place];
      return row(name, [
        [count(one.decided)],
        [share(one.routed, one.decided), "wide"],
        [bar("div", { class: "bar", "aria-hidden": "true" }, one), "mix"],
        [share(one.routed - one.wrong, one.routed)],
      ]);
    }));
  }

  function showMatrix(labels, matrix) {
    const column = (label, kind) => element("th", { scope: "col", class: kind, title: label }, element("span", {}, label));
    const top = element("tr", {}, element("td", { class: "corner" }, texts["confusion.corner"]),
      ...labels.map((label) => column(shown(label), "")), column(texts["confusion.people"], "people"));
    const rows = matrix.map((counts, place) => {
      const total = counts.reduce((sum, value) => sum + value, 0);
      const made = element("tr", {}, element("th", { scope: "row", title: shown(labels[place]) }, shown(labels[place])));
      counts.forEach((value, at) => {
        const kind = at === labels.length ? "people" : !value ? "none" : at === place ? "same" : "other";
        const cell = element("td", { class: kind }, value ? count(value) : "");
        if (value) cell.style.setProperty("--share", value / total);
        made.append(cell);
      });
      return made;
    });
    put("confusion", element("thead", {}, top), element("tbody", {}, ...rows));
  }

  function showDisagreements(field, step) {
    const list = field.disagreements.map((one) => {
      const id = String(one.ticket_id);
      const name = say(report.ticket_url || report.source.account ? "disagreement.ticket" : "disagreement.row", { id });
      const where = report.ticket_url ? element("a", { href: report.ticket_url + id, rel: "noreferrer" }, name) : name;
      const notes = [languageName(one.language)];
      if (Math.floor(one.probability * steps + 1e-9) < step) notes.push(texts["disagreement.below"]);
      const values = element("p", { class: "values" },
        say("disagreement.triage", { value: shown(one.proposed) }),
        element("span", {}, ` · ${say("disagreement.people", { value: shown(one.decided) })}`));
      const made = element("li", {}, element("span", { class: "sure" }, percent(one.probability)), values);
      if (report.with_text) {
        made.append(element("p", { class: "subject" }, one.subject === null ? texts["disagreement.unkept"] : one.subject || texts.empty));
      }
      made.append(element("p", { class: "where" }, where, ` · ${notes.join(" · ")}`));
      return made;
    });
    const rest = list.splice(AT_FIRST);
    put("disagreements", ...(list.length ? list : [element("li", {}, element("span"), element("p", {}, texts["disagreements.none"]))]));
    put("more-disagreements", ...rest);
    byId("more").hidden = rest.length === 0;
    byId("more").firstElementChild.replaceChildren(say("disagreements.more", { count: count(rest.length) }));
  }

  function showSavings() {
    if (!report.savings) return;
    const number = report.fields.findIndex((field) => field.name === report.savings.field);
    const result = saved(recount(number, chosen[number]).all, assumed);
    const gains = result.hours >= 0 && result.reassignments >= 0;
    put("savings", ...parts(gains ? "savings.gain" : "savings.loss", {
      hours: strong(count(result.hours)), reassignments: strong(count(result.reassignments)),
    }));
    byId("savings").dataset.hours = result.hours;
    byId("savings").dataset.reassignments = result.reassignments;
  }

  // ---- what depends on the field alone

  const WIDTH = 1000;
  const HEIGHT = 100;

  function showField() {
    const field = report.fields[current];
    const name = fieldName(field.name);
    for (const part of ["languages", "confusion", "reliability", "disagreements", "weeks"]) {
      put(`${part}-title`, say(`${part}.title`, { field: name }));
    }
    put("groups-title", say(field.name === "group" ? "groups.title.group" : "groups.title", { field: name }));
    byId("groups-section").hidden = field.by_group.length === 0;
    drawCurve(field);
    drawReliability(field.reliability);
    const advised = field.recommendation.threshold;
    const same = advised !== null && stepOf(advised) === present[current];
    put("to-present", say("threshold.present", { threshold: threshold(present[current]) }));
    put("to-recommended", advised === null ? texts["threshold.none"]
      : same ? texts["threshold.same"] : say("threshold.recommended", { threshold: rounded(advised) }));
    byId("to-recommended").disabled = advised === null || same;
    if (report.kind === "review") showWeeks(field);
    for (const line of byId("overview").querySelectorAll("tbody tr")) {
      line.classList.toggle("chosen", line.dataset.field === field.name);
    }
    showThreshold();
  }

  function drawCurve(field) {
    const { routed, wrong } = field.curve;
    const total = Math.max(1, field.score.decided);
    const area = (values) => {
      // Each step holds from its own threshold up to the next: stairs, not slopes.
      const points = [`0,${HEIGHT}`];
      for (let step = 0; step <= steps; step += 1) {
        const y = (HEIGHT - (HEIGHT * values[step]) / total).toFixed(2);
        const left = Math.max(0, step - 1);
        points.push(`${(left * WIDTH) / steps},${y}`, `${(step * WIDTH) / steps},${y}`);
      }
      return [...points, `${WIDTH},${HEIGHT}`].join(" ");
    };
    const line = (kind) => drawn("line", { class: kind, y1: -6, y2: HEIGHT });
    const picture = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
      drawn("rect", { class: "ground", width: WIDTH, height: HEIGHT }),
      drawn("polygon", { class: "right", points: area(routed) }),
      drawn("polygon", { class: "wrong", points: area(wrong) }),
      drawn("rect", { class: "away", height: HEIGHT }),
      line("present"), line("here"));
    put("curve", picture);
    place(picture.querySelector(".present"), present[current]);
  }
  const across = (step) => (Math.min(step, steps) * WIDTH) / steps;
  function place(line, step) {
    line.setAttribute("x1", across(step));
    line.setAttribute("x2", across(step));
  }
  function moveMarker(step) {
    place(byId("curve").querySelector(".here"), step);
    byId("curve").querySelector(".away").setAttribute("width", across(step));
  }

  function drawReliability({ bins, error }) {
    const size = 300;
    const [left, top] = [40, 10];
    const x = (value) => left + value * size;
    const y = (value) => top + (1 - value) * size;
    const most = Math.max(1, ...bins.map((bin) => bin.tickets));
    const picture = drawn("svg", { viewBox: `0 0 ${left + size + 10} ${top + size + 40}`, role: "img", "aria-label": texts["reliability.chart"] },
      drawn("rect", { class: "frame", x: left, y: top, width: size, height: size }),
      drawn("line", { class: "ideal", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }));
    for (const mark of [0, 0.5, 1]) {
      picture.append(
        drawn("text", { x: x(mark), y: top + size + 16, "text-anchor": "middle" }, rounded(mark)),
        drawn("text", { x: left - 6, y: y(mark) + 4, "text-anchor": "end" }, rounded(mark)));
    }
    picture.append(
      drawn("text", { x: x(0.5), y: top + size + 34, "text-anchor": "middle" }, texts["reliability.x"]),
      drawn("text", { x: left + 8, y: top + 18 }, texts["reliability.y"]));
    for (const bin of bins) {
      if (!bin.tickets) continue;
      picture.append(drawn("circle", { class: "dot", cx: x(bin.probability), cy: y(bin.accuracy), r: 4 + 12 * Math.sqrt(bin.tickets / most) }));
    }
    put("reliability", picture);
    put("reliability-says", say("reliability.says", { error: percent(error) }));
    table("bins", [["column.probability"], ["column.tickets"], ["column.mean"], ["column.right"]], bins.map((bin) =>
      row(`${rounded(bin.low)} – ${rounded(bin.low + 0.1)}`, [[count(bin.tickets)], [percent(bin.probability)], [percent(bin.accuracy)]])));
  }

  function showWeeks(field) {
    const head = [["column.week"], ["column.tickets"], ["column.coverage", "wide"], ["column.mix", "mix"], ["column.precision"]];
    table("by-week", head, field.by_week.map((one) => row(day(one.week), [
      [count(one.decided)], [percent(one.coverage), "wide"],
      [bar("div", { class: "bar", "aria-hidden": "true" }, one), "mix"], [percent(one.precision)],
    ])));
  }

  // ---- what never changes

  function showHead() {
    const { first, last } = report.period;
    const period = first ? say("period", { first: day(first), last: day(last) }) : "";
    const source = report.source.account ?? report.source.file;
    put("eyebrow", say(`eyebrow.${report.kind}`, { source, bundle: report.bundle_id, marker: report.marker ?? "" }));
    put("lead", say(`lead.${report.kind}`, { tickets: count(report.tickets), period }));
    for (const place of document.querySelectorAll("[data-text]")) place.replaceChildren(texts[place.dataset.text]);
    put("ends", ...[0, 0.5, 1].map((value) => element("span", {}, rounded(value))));
    put("disagreements-note", `${texts["disagreements.note"]} ${report.with_text ? "" : texts["disagreements.hidden"]}`);
    put("advice-note", say("advice.note", { wanted: rounded(report.wanted_precision) }));
  }

  function showOverview() {
    const head = [["column.field"], ["column.tickets"], ["column.accuracy", "wide"], ["column.threshold", "wide"],
      ["column.coverage"], ["column.precision"], ["column.wrong"]];
    table("overview", head, report.fields.map((field) => {
      const { score } = field;
      const made = row(fieldName(field.name), [
        [count(score.decided)], [percent(score.accuracy), "wide"], [threshold(stepOf(field.threshold)), "wide"],
        [percent(score.coverage)], [percent(score.precision)], [count(score.wrong)],
      ]);
      made.dataset.field = field.name;
      return made;
    }));
  }

  function showAdvice() {
    put("advice", ...report.fields.map((field) => {
      const advice = field.recommendation;
      const changes = advice.advice === "raise" || advice.advice === "lower";
      const made = element("li", {}, strong(fieldName(field.name)), element("span", {}, say(`advice.${advice.advice}`, {
        present: threshold(stepOf(field.threshold)), threshold: rounded(advice.threshold),
        precision: percent(advice.precision), low: percent(advice.precision_at_least), routed: count(advice.routed),
      })));
      if (changes && report.source.account) {
        made.append(element("code", {}, `triage.fields.${field.name}.min_confidence: ${advice.threshold}`));
      }
      return made;
    }));
  }

  function showAbout() {
    const skipped = Object.entries(report.skipped).map(([reason, value]) => say(`skipped.${reason}`, { count: count(value) }));
    const undecided = report.fields.filter((field) => field.undecided)
      .map((field) => `${fieldName(field.name)}: ${count(field.undecided)}`);
    const lines = [
      ["about.made", day(report.created_at)],
      ["about.source", report.source.account ?? report.source.file],
      ["about.bundle", report.bundle_id],
      ...(report.marker ? [["about.marker", report.marker]] : []),
      ["about.skipped", skipped.join(", ") || texts.nothing],
      ["about.undecided", undecided.join(", ") || texts.nothing],
      ["about.bias", texts[`about.bias.${report.kind}`]],
      ["about.grid", texts["about.grid.text"]],
      ["about.privacy", texts[report.with_text ? "about.privacy.text" : "about.privacy.no_text"]],
    ];
    put("about", ...lines.flatMap(([key, text]) => [element("dt", {}, texts[key]), element("dd", {}, text)]));
  }

  function offerFields() {
    report.fields.forEach((field, number) => {
      const radio = element("input", { type: "radio", name: "field", value: field.name });
      radio.checked = number === current;
      radio.addEventListener("change", () => { current = number; showField(); });
      byId("fields").append(element("label", {}, radio, element("span", {}, fieldName(field.name))));
    });
  }

  function offerThreshold() {
    const slider = byId("threshold");
    slider.max = steps;
    slider.addEventListener("input", () => { chosen[current] = Number(slider.value); showThreshold(); });
    const jump = (step) => { chosen[current] = step; showThreshold(); };
    byId("to-present").addEventListener("click", () => jump(present[current]));
    byId("to-recommended").addEventListener("click", () => jump(stepOf(report.fields[current].recommendation.threshold)));
  }

  function offerAssumptions() {
    if (!report.savings) return;
    byId("savings-section").hidden = false;
    const field = byId("savings-section").querySelector(".note");
    field.replaceChildren(say("savings.note", { field: fieldName(report.savings.field) }));
    for (const name of Object.keys(assumed)) {
      const scale = name === "reassigned_by_hand" ? 100 : 1;
      const input = element("input", { type: "number", min: "0", step: "any", inputmode: "decimal", name });
      if (scale === 100) input.max = "100";
      input.value = Number((assumed[name] * scale).toFixed(4));
      input.addEventListener("input", () => {
        if (input.value === "" || !input.validity.valid) return;
        assumed[name] = Number(input.value) / scale;
        showSavings();
      });
      byId("assumptions").append(element("label", {}, texts[`savings.${name}`], input));
    }
  }

  showHead();
  offerFields();
  offerThreshold();
  offerAssumptions();
  showOverview();
  showAdvice();
  showAbout();
  byId("weeks-section").hidden = report.kind !== "review";
  showField();
  document.documentElement.dataset.ready = "true";
})();
