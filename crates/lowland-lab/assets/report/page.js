// Draws the charts of a report from the data in the page, in the colours of the page.
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const plots = new Map(data.plots.map((plot) => [plot.name, plot]));
  const maps = new Map(data.maps.map((map) => [map.name, map]));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // A finger that scrolls the page must not be caught by a chart.
  const touch = matchMedia("(pointer: coarse)").matches;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const series_colour = (index) => (index === null ? colour("grey") : colour("c" + (index % 7)));
  const faint = (hex) => hex + "33";
  // Plotly takes some HTML in texts; what comes from files is none.
  const text = (raw) => raw.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  /** A text in lines of about so many letters, broken between words. */
  function wrapped(raw, letters) {
    const lines = [""];
    for (const word of raw.split(/\s+/)) {
      const last = lines.length - 1;
      if (lines[last] === "") lines[last] = word;
      else if (lines[last].length + word.length < letters) lines[last] += " " + word;
      else lines.push(word);
    }
    return lines.map(text).join("<br>");
  }

  /** The letters of a name beside a chart of so many pixels. */
  function letters_of(size) {
    return size < 420 ? 15 : 24;
  }

  /** The height of a chart whose rows have room for their names. */
  function height_of(names, size) {
    const lines = names.map((name) => wrapped(name, letters_of(size)).split("<br>").length);
    return 80 + names.length * Math.max(44, 18 * Math.max(...lines) + 10);
  }

  /** An axis that is so many pixels long, of a chart that is so many wide. */
  function axis(of, length, size) {
    const result = {
      title: { text: wrapped(of.label, length / 7.5), standoff: 10, font: { size: 13 } },
      tickfont: { size: 12.5 },
      gridcolor: colour("line"),
      linecolor: colour("grey"),
      zeroline: false,
      automargin: true,
      fixedrange: touch,
      nticks: size < 420 ? 6 : 9,
    };
    if (of.scale === "logarithmic") {
      Object.assign(result, { type: "log", exponentformat: "e", dtick: 1, minor: { showgrid: false } });
      if (of.ends) result.range = of.ends.map(Math.log10);
      const decades = result.range ? result.range[1] - result.range[0] : 0;
      if (decades > 5) result.dtick = 2;
      else if (!of.ends) delete result.dtick;
    } else if (of.scale === "names") {
      Object.assign(result, {
        tickvals: of.names.map((_, i) => i),
        ticktext: of.names.map((name) => wrapped(name, letters_of(size))),
        range: [of.names.length - 0.5, -0.5],
      });
    } else if (of.ends) {
      result.range = of.ends;
    }
    return result;
  }

  /** The traces of a series: its band first, which is below. */
  function traces(series, plot) {
    const named = plot.y.scale === "names";
    const line = series.mark === "line" || series.mark === "line_and_dots";
    const of = series_colour(series.colour);
    const dashed = series.colour === null || Math.floor(series.colour / 7) % 2 === 1;
    const x = series.points.map((point) => point.x);
    const y = series.points.map((point) => point.y);
    const main = { x, y, name: text(series.label), hoverlabel: { namelength: 40 } };
    if (series.mark === "bars") {
      return [{ ...main, type: "bar", marker: { color: of }, hovertemplate: "%{x:.3~f}: %{y:.3f}<extra></extra>" }];
    }
    Object.assign(main, {
      type: "scatter",
      mode: line ? (series.mark === "line" && x.length > 1 ? "lines" : "lines+markers") : "markers",
      line: { color: of, width: 2.5, dash: dashed ? "dash" : "solid" },
      marker: { color: of, size: 9, symbol: series.mark === "rings" ? "circle-open" : "circle", line: { width: series.mark === "rings" ? 1.5 : 0 } },
      hovertemplate: named ? "%{x:.4~g}<extra></extra>" : "%{y:.4~g}",
      connectgaps: false,
    });
    const spread = series.points.map((point) => point.spread);
    if (!spread.some((ends) => ends !== null)) return [main];
    const low = series.points.map((p) => (p.spread ? p.spread[0] : named ? p.x : p.y));
    const high = series.points.map((p) => (p.spread ? p.spread[1] : named ? p.x : p.y));
    if (series.mark === "line") {
      const edge = { x, type: "scatter", mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
      return [{ ...edge, y: low }, { ...edge, y: high, fill: "tonexty", fillcolor: faint(of) }, main];
    }
    const middle = named ? x : y;
    main[named ? "error_x" : "error_y"] = {
      type: "data",
      symmetric: false,
      array: high.map((end, i) => end - middle[i]),
      arrayminus: low.map((end, i) => middle[i] - end),
      color: of,
      thickness: 2.5,
      width: 0,
    };
    return [main];
  }

  function layout() {
    return {
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("ink") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 8, r: 14, t: 12, b: 8 },
      autosize: true,
      showlegend: false,
      dragmode: touch ? false : "zoom",
      hoverlabel: { font: { size: 13 }, bgcolor: colour("panel"), bordercolor: colour("line") },
    };
  }

  const config = {
    displaylogo: false,
    displayModeBar: false,
  };

  function draw_plot(box, plot) {
    const named = plot.y.scale === "names";
    const size = box.clientWidth;
    if (named) box.style.height = height_of(plot.y.names, size) + "px";
    const look = layout();
    const room = named ? 0.6 * size : size - 60;
    look.xaxis = { ...axis(plot.x, room, size), showline: true, ticks: "outside", showgrid: named };
    look.yaxis = { ...axis(plot.y, box.clientHeight - 60, size), showline: false, ticks: "" };
    look.hovermode = named || plot.series.some((s) => s.mark === "bars") ? "closest" : "x unified";
    look.bargap = 0.08;
    look.shapes = plot.guides.map((guide) => ({
      type: "line",
      ...(named
        ? { x0: guide.at, x1: guide.at, yref: "paper", y0: 0, y1: 1 }
        : { y0: guide.at, y1: guide.at, xref: "paper", x0: 0, x1: 1 }),
      line: { color: colour("grey"), width: 1.5, dash: "dash" },
    }));
    const all = plot.series.flatMap((series) => traces(series, plot));
    return Plotly.react(box, all.concat(unseen(plot, named)), look, config);
  }

  /** Points on the guides, for which the axes reach that far. */
  function unseen(plot, named) {
    const first = plot.series.flatMap((series) => series.points)[0];
    if (!first) return [];
    return plot.guides.map((guide) => ({
      type: "scatter",
      mode: "markers",
      marker: { opacity: 0 },
      hoverinfo: "skip",
      x: [named ? guide.at : first.x],
      y: [named ? first.y : guide.at],
    }));
  }

  /** Rows along the second direction, as Plotly has them; what is above the scale is cut off. */
  function heights(map, cut) {
    return map.y.map((_, j) =>
      map.x.map((_, i) => {
        const z = map.z[i][j];
        return z === null ? null : cut ? Math.min(z, map.high) : z;
      }),
    );
  }

  function levels(map) {
    const size = (map.high - map.low) / map.bands;
    return { start: map.low + size, end: map.high - size / 2, size };
  }

  /** Round numbers on the scale of colours. */
  function ticks(map) {
    const rough = (map.high - map.low) / 5;
    const unit = 10 ** Math.floor(Math.log10(rough));
    return { tickmode: "linear", tick0: 0, dtick: unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough) };
  }

  function draw_map(box, map) {
    const look = layout();
    const side = (label) => ({ ...axis({ label, scale: "linear" }, 300, box.clientWidth), showgrid: false, ticks: "outside" });
    look.xaxis = { ...side(map.x_label), range: [map.x[0], map.x[map.x.length - 1]] };
    look.yaxis = { ...side(map.y_label), range: [map.y[0], map.y[map.y.length - 1]] };
    const trace = {
      type: "contour",
      x: map.x,
      y: map.y,
      z: heights(map, false),
      zmin: map.low,
      zmax: map.high,
      colorscale: "Viridis",
      contours: levels(map),
      line: { width: 0.8, color: "rgba(255,255,255,0.75)" },
      colorbar: { ...ticks(map), title: { text: text(map.z_label), side: "right" }, thickness: 14, outlinewidth: 0, tickfont: { size: 12.5 } },
      hovertemplate: "(%{x:.2f}, %{y:.2f}): %{z:.4~g}<extra></extra>",
    };
    return Plotly.react(box, [trace], look, config);
  }

  /** From where a surface is seen first: on a narrow page from further away. */
  function camera(size) {
    const far = size < 420 ? 1.2 : 1;
    return { eye: { x: 1.35 * far, y: -1.35 * far, z: 0.95 * far }, center: { x: 0, y: 0, z: -0.12 } };
  }

  function draw_surface(box, map) {
    const look = layout();
    const side = (label, range) => ({
      title: { text: text(label), font: { size: 13 } },
      tickfont: { size: 11.5 },
      range,
      gridcolor: colour("line"),
      color: colour("ink"),
      backgroundcolor: colour("panel"),
      showbackground: true,
      zeroline: false,
      nticks: 5,
    });
    look.margin = { l: 0, r: 0, t: 0, b: 0 };
    look.scene = {
      xaxis: side(map.x_label),
      yaxis: side(map.y_label),
      // A little higher, so that what is cut off is not in the plane of the box's lid.
      zaxis: side(map.z_label, [map.low, map.high + 0.02 * (map.high - map.low)]),
      aspectmode: "manual",
      aspectratio: { x: 1, y: 1, z: 0.8 },
      camera: box.camera || camera(box.clientWidth),
      dragmode: "turntable",
    };
    const z = levels(map);
    const trace = {
      type: "surface",
      x: map.x,
      y: map.y,
      z: heights(map, true),
      cmin: map.low,
      cmax: map.high,
      colorscale: "Viridis",
      showscale: false,
      contours: { z: { show: true, ...z, color: "rgba(255,255,255,0.6)", width: 1 } },
      lighting: { ambient: 0.75, diffuse: 0.6, specular: 0.08 },
      hovertemplate: "(%{x:.2f}, %{y:.2f}): %{z:.4~g}<extra></extra>",
    };
    return Plotly.react(box, [trace], look, { ...config, scrollZoom: false });
  }

  const webgl = (() => {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  })();

  const surfaces = [];

  /** Turns all surfaces as one is turned. */
  function follow(box) {
    box.on("plotly_relayouting", (change) => turn(box, change["scene.camera"]));
    box.on("plotly_relayout", (change) => turn(box, change["scene.camera"]));
  }

  function turn(from, camera) {
    if (!camera) return;
    for (const box of surfaces) {
      box.camera = camera;
      if (box !== from) Plotly.relayout(box, { "scene.camera": camera });
    }
  }

  function draw(box) {
    const { name, shape } = box.dataset;
    if (shape === "plot") return draw_plot(box, plots.get(name));
    const map = maps.get(name.replace(/-surface$/, ""));
    return shape === "map" ? draw_map(box, map) : draw_surface(box, map);
  }

  const boxes = Array.from(document.querySelectorAll(".drawing")).filter((box) => {
    if (box.dataset.shape !== "surface" || webgl) return true;
    box.innerHTML = '<p class="note">This browser has no WebGL. The surface is shown as a map below.</p>';
    return false;
  });
  for (const box of boxes) {
    box.replaceChildren();
    box.classList.add("live");
  }
  const drawn = boxes.map((box) => {
    const done = draw(box);
    if (box.dataset.shape === "surface") {
      surfaces.push(box);
      follow(box);
    }
    return done;
  });
  dark.addEventListener("change", () => boxes.forEach(draw));
  // Widths change with the window, and names are broken by them.
  const widths = new Map(boxes.map((box) => [box, box.clientWidth]));
  const watch = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      if (widths.get(target) === target.clientWidth) continue;
      widths.set(target, target.clientWidth);
      draw(target);
    }
  });
  boxes.forEach((box) => watch.observe(box));
  Promise.all(drawn).then(() => document.documentElement.setAttribute("data-drawn", boxes.length));
})();
