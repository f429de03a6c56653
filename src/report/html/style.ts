/** The style sheet of the HTML report: light, dark, and paper. No font, image or file is loaded. */
export const STYLE = `
:root{color-scheme:light dark;
--page:#f5f6f8;--card:#ffffff;--ink:#1a2330;--soft:#4f5b6b;--rule:#d5dae1;--band:#eef1f5;--code:#f0f2f5;
--bad:#b3261e;--good:#17683a;--warn:#7a5200;--accent:#1f4f9e;--bad-bg:#fdecea;--good-bg:#e6f4ea;--warn-bg:#fff3d6;
--f-link:#e9ecf0;--f-ip:#dceafd;--f-udp:#ffe3c2;--f-tunnel:#e7defa;--f-inner:#dff2e1;--f-data:#f0f2f5}
@media (prefers-color-scheme:dark){:root{
--page:#10151c;--card:#171e27;--ink:#e4e9f0;--soft:#a7b3c2;--rule:#313b48;--band:#1f2832;--code:#1f2832;
--bad:#ff8f86;--good:#74d69f;--warn:#f2c265;--accent:#8fb9ff;--bad-bg:#3a1c1b;--good-bg:#15301f;--warn-bg:#33280f;
--f-link:#2a323d;--f-ip:#1d3350;--f-udp:#4a3214;--f-tunnel:#352a52;--f-inner:#1d3a25;--f-data:#242d38}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main,header,footer,nav{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:40px}
header .made{color:var(--soft);font-size:14px;margin:0 0 8px}
h1{font-size:30px;line-height:1.2;margin:0 0 12px;letter-spacing:-.01em;overflow-wrap:anywhere}
h1 .grade{display:inline-block;vertical-align:middle;margin-left:10px;padding:3px 12px;border-radius:99px;font-size:15px;font-weight:600;letter-spacing:0;border:1.5px solid currentColor}
h1.red{color:var(--bad)}h1.green{color:var(--good)}h1.yellow{color:var(--warn)}
.lead{max-width:none;font-size:18px;margin:0 0 20px;padding:14px 18px;border-radius:10px;background:var(--card);border:1px solid var(--rule);border-left:5px solid var(--soft);overflow-wrap:anywhere}
.lead.red{border-left-color:var(--bad)}.lead.green{border-left-color:var(--good)}.lead.yellow{border-left-color:var(--warn)}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:6px 18px;padding:0;margin:0 0 8px;font-size:15px}
a{color:var(--accent)}
section{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:22px 24px;margin:20px 0}
h2{font-size:21px;line-height:1.3;margin:0 0 12px}
h3{font-size:16px;margin:22px 0 8px}
p{margin:0 0 12px;max-width:80ch}
section>:last-child{margin-bottom:0}
dl.facts{display:grid;grid-template-columns:minmax(9em,max-content) 1fr;gap:6px 20px;margin:0}
dl.facts dt{color:var(--soft)}
dl.facts dd{margin:0;overflow-wrap:anywhere}
.scroll{overflow-x:auto;margin:0 0 14px}
.scroll:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:14.5px;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:0 0 6px;font-size:14.5px}
th,td{text-align:left;vertical-align:top;padding:6px 14px 6px 0;border-top:1px solid var(--rule);overflow-wrap:break-word}
thead th{border-top:0;color:var(--soft);font-weight:600;white-space:nowrap}
tbody th{font-weight:600}
.short{white-space:nowrap}
.long{overflow-wrap:anywhere;min-width:9em}
tr.bad td,tr.bad th{background:var(--bad-bg)}
tr.good td,tr.good th{background:var(--good-bg)}
tr.bad>:first-child,tr.good>:first-child{padding-left:8px}
.break{overflow-wrap:anywhere;min-width:16em}
pre,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:13.5px}
pre{background:var(--code);border-radius:8px;padding:12px 14px;margin:0 0 14px;overflow-x:auto;line-height:1.5}
pre.wrap{white-space:pre-wrap;overflow-wrap:anywhere}
.hex{line-height:1.75}
.hex .off{color:var(--soft);user-select:none}
.hex span.b{padding:2px 1px}
.link{background:var(--f-link)}.outer-ip{background:var(--f-ip)}.outer-udp{background:var(--f-udp)}.tunnel{background:var(--f-tunnel)}
.inner-link,.inner-ip,.inner-transport{background:var(--f-inner)}.payload{background:var(--f-data)}
.m-source-port{font-weight:700;color:var(--bad);text-decoration:underline;text-decoration-thickness:2px;text-underline-offset:3px}
.m-checksum{font-weight:700;color:var(--accent);text-decoration:underline double;text-underline-offset:3px}
.m-pseudo-header{font-weight:700}
.m-inner-checksum{text-decoration:underline dotted;text-underline-offset:3px}
ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:6px 16px;padding:0;margin:0 0 12px;font-size:14px}
ul.legend .key{display:inline-block;padding:0 8px;border-radius:4px;font-family:ui-monospace,Consolas,"DejaVu Sans Mono",monospace}
table.sum td,table.sum th{padding-top:3px;padding-bottom:3px}
table.sum td.n,table.sum th.n,table.calc td.n,table.calc th.n{text-align:right;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:nowrap}
table.sum td.w{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:nowrap}
table.sum tr.result td,table.sum tr.result th,table.calc tr.result td,table.calc tr.result th{border-top:2px solid var(--ink);font-weight:700}
table.calc{width:auto}
table.calc td,table.calc th{padding-right:26px}
ol.do>li,ul.limits>li{margin-bottom:10px;max-width:90ch;overflow-wrap:anywhere}
ol.do,ul.limits{padding-left:22px;margin:0}
ol.do pre{margin:6px 0}
ol.check{padding-left:22px;margin:0}
ol.check>li{margin-bottom:14px}
ol.check .expect{color:var(--soft);margin:0 0 4px}
.why,.muted{color:var(--soft)}
footer{padding:8px 24px 48px;color:var(--soft);font-size:14px}
figure{margin:0 0 18px}
figure svg{display:block;width:100%;min-width:860px;height:auto}
figcaption{color:var(--soft);font-size:14.5px;margin-top:6px;max-width:90ch}
svg text{font:12.5px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--ink)}
svg .column{font-weight:700;font-size:13.5px}
svg .place{fill:var(--soft);font-size:12.5px}
svg .place.absent{font-style:italic}
svg .side{fill:var(--soft);font-size:13px}
svg .strong{font-weight:700}
svg .number{font-variant-numeric:tabular-nums}
svg .faint{fill:var(--soft);font-size:11.5px}
svg text.bad{fill:var(--bad)}svg text.good{fill:var(--good)}
svg .band{fill:var(--band)}
svg .life{stroke:var(--soft);stroke-width:1.2}
svg .life.absent{stroke-dasharray:2 5}
svg .wire{stroke:var(--ink);stroke-width:1.8}
svg .wire.bad{stroke:var(--bad)}svg .wire.good{stroke:var(--good)}
svg .wire.guess,svg .wire.answer{stroke-dasharray:6 4}
svg .head{fill:var(--ink)}svg .head.bad{fill:var(--bad)}svg .head.good{fill:var(--good)}
svg .dot{fill:var(--ink);stroke:var(--card);stroke-width:1.5}svg .dot.bad{fill:var(--bad)}svg .dot.good{fill:var(--good)}
svg .cross{stroke:var(--ink);stroke-width:2.8;fill:none;stroke-linecap:round}svg .cross.bad{stroke:var(--bad)}
svg .diamond{fill:var(--ink)}svg .diamond.bad{fill:var(--bad)}svg .diamond.good{fill:var(--good)}
svg .axis{stroke:var(--soft);stroke-width:1.2}
svg .grid{stroke:var(--rule);stroke-width:1}
svg .track{stroke:var(--soft);stroke-width:1}
svg .life-bar{fill:var(--good);fill-opacity:.3;stroke:var(--good);stroke-width:1.2}
svg .life-bar.bad{fill:var(--bad);fill-opacity:.25;stroke:var(--bad)}
svg .life-bar.over{fill:none;stroke:var(--soft);stroke-dasharray:4 3}
svg .fed{stroke:var(--ink);stroke-width:1.6}
svg .wait{fill:var(--warn);fill-opacity:.3;stroke:var(--warn);stroke-width:1.2}
svg .connected{stroke:var(--good);stroke-width:3}
@media (max-width:700px){main,header,footer,nav{padding-left:14px;padding-right:14px}section{padding:16px 14px}h1{font-size:24px}dl.facts{grid-template-columns:1fr}dl.facts dd{margin-bottom:8px}}
@page{margin:14mm 12mm}
@media print{:root{color-scheme:light;
--page:#ffffff;--card:#ffffff;--ink:#000000;--soft:#444444;--rule:#bbbbbb;--band:#f0f0f0;--code:#f4f4f4;
--bad:#a01c15;--good:#125a31;--warn:#6b4800;--accent:#1f4f9e;--bad-bg:#fdecea;--good-bg:#e6f4ea;--warn-bg:#fff3d6;
--f-link:#e9ecf0;--f-ip:#dceafd;--f-udp:#ffe3c2;--f-tunnel:#e7defa;--f-inner:#dff2e1;--f-data:#f0f2f5}
body{font-size:10.5pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main,header,footer{max-width:none;padding:0}
header{padding-top:0}
nav{display:none}
section{border:0;border-top:1px solid var(--rule);border-radius:0;padding:12px 0;margin:0}
h2,h3,caption{break-after:avoid}
figure,tr,pre.wrap,.lead{break-inside:avoid}
figure svg{min-width:0}
.scroll{overflow:visible}
pre{white-space:pre-wrap;overflow-wrap:anywhere;overflow:visible}
table{font-size:8.5pt}table.sum{font-size:8pt}
a{color:inherit;text-decoration:none}}
`;
