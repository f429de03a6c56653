/**
 * What a reader would stumble over, looked for in the page as the browser lays it out. These functions
 * run in the page, so each is whole in itself. They are plain JavaScript as far as types allow: the
 * project's own types know no browser.
 */

/** Run in the page; a list of what is wrong, each with the text where it is. */
export const lowContrast = `(() => {
  const parse = text => {
    const [r, g, b, a = 1] = (text.match(/[\\d.]+/g) ?? []).map(Number);
    return text === 'none' || text === 'transparent' || r === undefined ? undefined : { r, g, b, a };
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a),
    g: top.g * top.a + below.g * (1 - top.a),
    b: top.b * top.a + below.b * (1 - top.a),
    a: 1,
  });
  const luminance = ({ r, g, b }) => {
    const linear = [r, g, b].map(value => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ratio = (a, b) => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };
  const fillOf = element => {
    const style = getComputedStyle(element);
    if (!(element instanceof SVGElement)) return parse(style.backgroundColor);
    if (element.tagName === 'svg' || element.tagName === 'g') return undefined;
    if (element.tagName === 'text' || element.tagName === 'line') return undefined;
    const fill = parse(style.fill);
    return fill && { ...fill, a: fill.a * Number(style.fillOpacity) };
  };
  const backgroundAt = (x, y, own) => {
    const layers = [];
    for (const element of document.elementsFromPoint(x, y)) {
      if (own.contains(element) && element !== own && element instanceof SVGElement) continue;
      const fill = fillOf(element);
      if (fill && fill.a > 0) layers.push(fill);
      if (fill && fill.a === 1) break;
    }
    const page = parse(getComputedStyle(document.body).backgroundColor);
    return layers.reverse().reduce((below, top) => over(top, below), page);
  };
  const faults = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim();
    const element = node.parentElement;
    if (text === '' || !element || ['title', 'desc', 'STYLE'].includes(element.tagName)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width === 0) continue;
    seen++;
    const style = getComputedStyle(element);
    const color = parse(element instanceof SVGElement ? style.fill : style.color);
    const background = backgroundAt(box.x + Math.min(3, box.width / 2), box.y + box.height / 2, element);
    const size = Number.parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = ratio(over(color, background), background);
    if (found < (isLarge ? 3 : 4.5)) faults.push(found.toFixed(2) + ': ' + text.slice(0, 60));
  }
  return { seen, faults };
})()`;

/** Run in the page: texts of drawings that run into each other, or out of the drawing. */
export const collidingTexts = `(() => {
  const faults = [];
  for (const svg of document.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].map(element => ({
      text: element.textContent,
      box: element.getBoundingClientRect(),
    }));
    texts.forEach(({ text, box }, index) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1) {
        faults.push('out of ' + svg.id + ': ' + text);
      }
      for (const other of texts.slice(index + 1)) {
        const width = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const height = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        // Boxes of lines have air above and below their letters.
        if (width > 1 && height > 4) faults.push(svg.id + ': ' + text + ' / ' + other.text);
      }
    });
  }
  return faults;
})()`;

/** Run in the page: what a screen reader would miss. */
export const accessFaults = `(() => {
  const faults = [];
  if (!document.documentElement.lang) faults.push('no language');
  if (!document.title) faults.push('no title');
  let level = 0;
  for (const heading of document.querySelectorAll('h1,h2,h3,h4,h5,h6')) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) faults.push('heading skips a level: ' + heading.textContent);
    level = own;
  }
  for (const landmark of ['header', 'main', 'footer', 'nav']) {
    if (document.querySelectorAll('body > ' + landmark).length !== 1) faults.push('not one ' + landmark);
  }
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption?.textContent) faults.push('table without caption');
    const heads = table.querySelectorAll('thead th[scope=col]');
    if (heads.length === 0) faults.push('table without heads: ' + table.caption?.textContent);
    for (const row of table.tBodies[0].rows) {
      if (!row.querySelector('th[scope=row]')) faults.push('row without head: ' + row.textContent);
      const cells = [...row.cells].reduce((sum, cell) => sum + cell.colSpan, 0);
      if (cells !== heads.length) faults.push('row of ' + cells + ' cells: ' + row.textContent);
    }
  }
  for (const region of document.querySelectorAll('[role=region]')) {
    if (!region.getAttribute('aria-label')) faults.push('region without name');
    if (region.tabIndex !== 0) faults.push('region that cannot be scrolled by keys');
  }
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) faults.push('ids twice');
  for (const named of document.querySelectorAll('[aria-labelledby]')) {
    for (const id of named.getAttribute('aria-labelledby').split(' ')) {
      if (!document.getElementById(id)?.textContent) faults.push('no label ' + id);
    }
  }
  for (const link of document.querySelectorAll('a')) {
    if (!document.querySelector(link.getAttribute('href'))) faults.push('leads nowhere: ' + link.href);
  }
  return faults;
})()`;

/** Run in the page: whatever an input may have brought in. */
export const foreignMarkup = `(() => {
  const own = 'script,img,image,iframe,object,embed,link,form,input,button,textarea,base,foreignObject,use,animate';
  const faults = [...document.querySelectorAll(own)].map(({ tagName }) => tagName);
  for (const element of document.querySelectorAll('*')) {
    for (const { name } of element.attributes) {
      if (/^on|^style$|^src|^action|href$/i.test(name) && !(name === 'href' && element.tagName === 'A')) {
        faults.push(element.tagName + ' ' + name);
      }
    }
  }
  if (document.querySelectorAll('style').length !== 1) faults.push('not one style sheet');
  if (window.hurt !== undefined) faults.push('a script ran');
  return faults;
})()`;
