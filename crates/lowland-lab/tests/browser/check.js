// Looks at a drawn report and tells the page around it what is wrong, as JSON.
(function () {
  "use strict";
  const errors = [];
  addEventListener("error", (event) => errors.push(String(event.message)));
  addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
  const requests = [];
  addEventListener("securitypolicyviolation", (event) => requests.push(event.blockedURI));

  /** What is to be seen: a text is not where a closed <details> or a style hides it. */
  function shown(element) {
    return element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  }

  function texts(root) {
    const found = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      const text = walker.currentNode.textContent.trim();
      if (text && !["SCRIPT", "STYLE", "NOSCRIPT", "TITLE"].includes(parent.tagName) && shown(parent)) {
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        found.push({ text: text.slice(0, 40), parent, box: range.getBoundingClientRect() });
      }
    }
    return found;
  }

  function meet(a, b) {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    return across > 1.5 && down > 1.5;
  }

  /** Pairs of texts that lie on one another, of those of a kind. */
  function overlaps(all) {
    const pairs = [];
    all.forEach((a, i) => {
      for (const b of all.slice(i + 1)) if (meet(a.box, b.box)) pairs.push(a.text + " / " + b.text);
    });
    return pairs;
  }

  async function colours(box) {
    const url = await Plotly.toImage(box, { format: "png", width: 300, height: 300 });
    const image = new Image();
    await new Promise((done) => {
      image.onload = done;
      image.src = url;
    });
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [300, 300];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, 300, 300).data.buffer);
    return new Set(pixels).size;
  }

  /** How much is drawn: the shapes of a chart or a map, the colours of a surface. */
  async function drawn(box) {
    const { shape, name } = box.dataset;
    if (box.querySelector(".note")) return { shape, name, marks: 0, note: box.textContent };
    if (shape === "surface") return { shape, name, marks: await colours(box) };
    const marks = "path.js-line, path.point, .point path, path.js-fill, .contourlevel path, .contourlines path";
    const full = Array.from(box.querySelectorAll(marks)).filter((mark) => {
      const { width, height } = mark.getBoundingClientRect();
      return width + height > 2;
    });
    return { shape, name, marks: full.length };
  }

  async function look() {
    const all = texts(document.body);
    const size = (element) => parseFloat(getComputedStyle(element).fontSize);
    const charts = Array.from(document.querySelectorAll(".drawing.live"));
    const kind = (selector) => all.filter((text) => text.parent.closest(selector));
    const outside = charts.flatMap((chart) => {
      const edge = chart.getBoundingClientRect();
      const out = ({ box }) =>
        box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 1 || box.bottom > edge.bottom + 1;
      return texts(chart).filter(out).map((text) => chart.dataset.name + ": " + text.text);
    });
    return {
      width: innerWidth,
      errors,
      requests: requests.concat(performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !/^(data|blob):/.test(name))),
      figures: await Promise.all(Array.from(document.querySelectorAll(".drawing")).map(drawn)),
      overflow: document.documentElement.scrollWidth - innerWidth,
      texts: all.length,
      small: all.filter(({ parent }) => size(parent) < 11).map(({ text }) => text),
      overlaps: overlaps(kind("h1, h2, h3, th, td, figcaption, .legend, .verdict, nav")).concat(
        charts.flatMap((chart) => overlaps(texts(chart)).map((pair) => chart.dataset.name + ": " + pair)),
      ),
      outside,
    };
  }

  function write(found) {
    parent.postMessage(JSON.stringify(found), "*");
  }

  addEventListener("load", async () => {
    for (let waits = 0; waits < 200 && !document.documentElement.dataset.drawn; waits += 1) {
      await new Promise((done) => setTimeout(done, 50));
    }
    // Observers of sizes have their turn first.
    await new Promise((done) => setTimeout(done, 300));
    try {
      write(await look());
    } catch (error) {
      write({ errors: errors.concat("check: " + error) });
    }
  });
})();
