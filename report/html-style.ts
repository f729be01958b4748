import { EMBEDDED_FONT } from '../plots/panels.ts';

/** The style of report.html: light, dark, printed. */
export const HTML_STYLE = `
:root{color-scheme:light dark;--ink:#1a1a1a;--soft:#4d4d4d;--paper:#fff;--line:#d9d9d9;--tint:#f4f5f7;--good:#00714f;--bad:#b3261e;--link:#0058a3}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--soft:#b0b0b0;--paper:#1a1a1a;--line:#3d3d3d;--tint:#262626;--good:#4cc9a0;--bad:#ff8a80;--link:#7cc4ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1240px;padding:24px 20px 64px;background:var(--paper);color:var(--ink);font:16px/1.5 '${EMBEDDED_FONT}',system-ui,sans-serif}
header{display:flex;flex-wrap:wrap;gap:8px 24px;align-items:baseline;justify-content:space-between;border-bottom:4px solid var(--bad);padding-bottom:8px}
.passed header{border-color:var(--good)}
h1{font-size:24px;margin:0;overflow-wrap:anywhere}
h2{font-size:19px;margin:36px 0 8px}
#verdict strong{font-size:18px;color:var(--bad)}
.passed #verdict strong{color:var(--good)}
nav{display:flex;gap:16px;align-items:baseline}
a{color:var(--link)}
button{font:inherit;color:var(--ink);background:var(--tint);border:1px solid var(--line);border-radius:6px;padding:3px 12px;cursor:pointer}
p,li{overflow-wrap:anywhere}
/* No word of a narrow column is cut: the table is moved sideways instead. */
td{overflow-wrap:break-word;max-width:40em}
code{font:13px/1.4 ui-monospace,Menlo,Consolas,monospace;background:var(--tint);border-radius:3px;padding:1px 4px}
pre{overflow-x:auto}
.notes{border-left:4px solid #e69f00;background:var(--tint);padding:8px 16px;margin:16px 0}
.notes p{font-weight:600;margin:0}.notes ul{margin:4px 0;padding-left:20px}
.table{overflow-x:auto;margin:12px 0}
table{border-collapse:collapse;font-size:15px;min-width:50%}
th,td{text-align:left;padding:5px 12px;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600;border-bottom-width:2px}
.n{text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:normal}
figure{margin:24px 0}
figcaption{color:var(--soft);font-size:15px;margin:6px 4px 0}
details{border-top:1px solid var(--line);padding:8px 0}summary{cursor:pointer;font-weight:600}
.chart{overflow-x:auto}
canvas{display:block;width:100%!important;min-width:640px;height:auto!important}
@media print{:root{--ink:#000;--soft:#333;--paper:#fff;--line:#bbb;--tint:#f4f4f4;--good:#00714f;--bad:#b3261e;--link:#000}
body{max-width:none;padding:0;font-size:11pt}canvas{min-width:0}button{display:none}
figure,tr,.notes{break-inside:avoid}h2{break-after:avoid}nav a::after{content:" (" attr(href) ")"}}
`;
