"""The style sheet of the page, for light and dark screens and for paper."""

# Keep, reuse and skip stay apart without red and green.
STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --panel: #f5f6f8; --ink: #1c2126;
  --faint: #5b6570; --line: #d9dde2; --keep: #0b5fa5; --reuse: #f2a541;
  --skip: #bcc4cc; --wrong: #c0392b; --calm: #9aa5af;
  --steady1: #54408f; --steady2: #9f8bd8; --steady3: #dcd5f0; --shade: 11, 95, 165; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --panel: #1d2226;
  --ink: #e6e9ec; --faint: #9aa5af; --line: #343b42; --keep: #4c9be0;
  --reuse: #f2a541; --skip: #59636d; --wrong: #ff8a75; --calm: #7b8792;
  --steady1: #b39ff0; --steady2: #7560b8; --steady3: #3f3760; --shade: 60, 130, 200; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { margin: 0 0 4px; font-size: 28px; overflow-wrap: anywhere; }
h2 { margin: 44px 0 12px; padding-bottom: 6px; font-size: 20px;
  border-bottom: 1px solid var(--line); }
h3 { margin: 18px 0 8px; font-size: 15px; }
header p { margin: 2px 0; color: var(--faint); overflow-wrap: anywhere; }
header .note { margin-top: 10px; padding: 8px 12px; color: var(--ink);
  background: var(--panel); border-left: 4px solid var(--reuse); }
.hint { max-width: 75ch; color: var(--faint); font-size: 13px; }
.cards { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 20px; }
.card { display: flex; flex-direction: column; flex: 1 1 180px; padding: 14px 16px;
  background: var(--panel); border-radius: 8px; }
.card.wide { flex: 2 1 340px; }
.card > span, .card small { color: var(--faint); font-size: 13px; }
.card strong { font-size: 28px; line-height: 1.3; font-weight: 650;
  white-space: nowrap; }
.card .bar { height: 22px; margin: 12px 0 4px; }
.card .legend { margin: 4px 0 0; }
.side { display: grid; gap: 8px 40px; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.side.thirds { gap: 8px 24px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 5px 8px; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; }
tbody th { font-weight: 450; }
td { white-space: nowrap; }
thead th { color: var(--faint); font-weight: 500; font-size: 13px;
  vertical-align: bottom; }
.confusion { width: auto; }
.confusion td { min-width: 44px; height: 34px; text-align: center;
  border: 1px solid var(--line); background: rgba(var(--shade), var(--share)); }
.confusion td.diagonal { outline: 2px solid var(--keep); outline-offset: -2px; }
.confusion td.strong { color: #fff; font-weight: 600; }
.confusion thead th { text-align: center; }
@media (max-width: 600px) { main { padding: 16px 12px 40px; }
  .confusion { font-size: 12px; }
  .confusion th, .confusion td { padding: 3px 4px; }
  .confusion td { min-width: 26px; height: 28px; } }
.confusion.upright thead th:not(:first-child) { vertical-align: bottom; height: 110px; }
.confusion.upright thead span { writing-mode: vertical-rl; transform: rotate(180deg); }
.bars .graphic { width: 55%; }
.bars tbody tr:first-child > * { font-weight: 650; border-bottom-width: 2px; }
.bar { display: flex; height: 16px; overflow: hidden; border-radius: 3px; }
.bar i { display: block; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 6px 0;
  color: var(--faint); font-size: 13px; }
.legend i { display: inline-block; width: 12px; height: 12px; margin-right: 6px;
  border-radius: 2px; vertical-align: -1px; }
.keep { --own: var(--keep); }
.reuse { --own: var(--reuse); }
.skip { --own: var(--skip); }
.always { --own: var(--steady1); }
.clip { --own: var(--steady2); }
.frame { --own: var(--steady3); }
.right { --own: var(--calm); }
.wrong { --own: var(--wrong); }
.validation { --own: var(--ink); }
.train { --own: var(--calm); }
i { background: var(--own); }
path, rect { fill: var(--own); }
.chart { display: block; width: 100%; max-width: 520px; }
.lines .chart { max-width: 390px; }
.chart text { fill: var(--faint); font-size: 11px; }
.chart .axis { stroke: var(--faint); }
.chart .grid { stroke: var(--line); }
.line { fill: none; stroke: var(--own); stroke-width: 2; stroke-linejoin: round; }
.videos { display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); }
figure { margin: 0; padding: 12px; background: var(--panel); border-radius: 8px; }
figcaption { margin-bottom: 8px; font-size: 14px; }
figcaption > * { display: block; }
figcaption small { color: var(--faint); overflow-wrap: anywhere; }
figcaption .wrong { color: var(--wrong); }
.timeline { display: grid; grid-template-columns: auto 1fr; gap: 4px 8px; }
.frames, .costs { display: flex; }
.frames img { flex: 1 1 0; min-width: 0; margin: 0 0.375%; }
.gates { font-size: 10px; line-height: 12px; color: var(--faint); text-align: right; }
.gates b { display: block; font-weight: 400; }
.decisions { display: block; width: 100%; }
.costs span { flex: 1 1 0; min-width: 0; font-size: 11px; line-height: 12px;
  text-align: center; font-variant-numeric: tabular-nums; }
details summary { cursor: pointer; }
pre { padding: 12px; overflow-x: auto; font-size: 13px; background: var(--panel);
  border-radius: 8px; }
@media print { figure, table, .card { break-inside: avoid; } }
"""
