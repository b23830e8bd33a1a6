/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pictures of a report. All that they show stands in the tables, too: without scripts the page is whole. */
(function () {
	'use strict';
	const records = JSON.parse(document.getElementById('records').textContent);
	const WIDTH = 900, LEFT = 70, RIGHT = 20, TOP = 12, BOTTOM = 38;
	const colour = i => `var(--c${i % 5})`;
	/* Programs differ in shape as well as in colour. */
	const shapes = [d3.symbolCircle, d3.symbolSquare, d3.symbolTriangle, d3.symbolDiamond, d3.symbolStar];
	/* What was disturbed keeps the shape and colour of its program, and has a cross through it. */
	const CROSS = 'M-7,-7L7,7M-7,7L7,-7';
	const shapeOf = (symbol, size, disturbed) => d3.symbol().type(symbol).size(size)() + (disturbed ? CROSS : '');
	/* Ticks of a time scale that say what they are: a day, or an hour. */
	const clock = ([from, to]) => d3.timeFormat(to - from > 2 * 864e5 ? '%d %b' : to - from > 6e5 ? '%H:%M' : '%H:%M:%S');

	const scaleOf = (unit, value) => unit !== 's' ? [1, unit]
		: value >= 1 ? [1, 's'] : value >= 1e-3 ? [1e3, 'ms'] : value >= 1e-6 ? [1e6, 'us'] : [1e9, 'ns'];

	/* A picture in its figure: svg, caption, and a line that tells of what is pointed at or focused. */
	function picture(figure, height, caption, label) {
		const root = d3.select(figure);
		root.append('figcaption').text(caption);
		const svg = root.append('svg').attr('viewBox', `0 0 ${WIDTH} ${height}`)
			.attr('role', 'group').attr('aria-label', label || caption);
		const tip = root.append('div').attr('class', 'tip').attr('aria-live', 'polite');
		return { svg, tip };
	}

	function tells(selection, tip, text) {
		selection.attr('tabindex', 0).attr('role', 'img').attr('aria-label', text)
			.on('mouseenter', d => tip.text(text(d)))
			.on('focus', d => tip.text(text(d)))
			.on('mouseleave', () => tip.text(''))
			.on('blur', () => tip.text(''));
	}

	function axes(svg, x, y, height, xText, yText, format) {
		svg.append('g').attr('transform', `translate(0,${height - BOTTOM})`).call(d3.axisBottom(x).ticks(8).tickFormat(format || null));
		svg.append('text').attr('x', WIDTH / 2).attr('y', height - 4).attr('text-anchor', 'middle').text(xText);
		if (!y)
			return;
		svg.append('g').attr('transform', `translate(${LEFT},0)`).call(d3.axisLeft(y).ticks(6));
		svg.append('text').attr('transform', `translate(14,${height / 2}) rotate(-90)`).attr('text-anchor', 'middle').text(yText);
	}

	/* The runs that count and those that do not, with the first figure of each (cli/report_data.c). */
	function runsOf(record) {
		return record.runs.map(([value, program, verdict, aside, reason], i) => ({ i, value, program, verdict, aside, reason }))
			.filter(r => r.value !== null);
	}

	/* More than a browser draws at ease: of each few neighbours the least and the greatest. */
	const MOST = 5000;
	function thin(runs) {
		const size = Math.ceil(2 * runs.length / MOST), kept = [];
		if (runs.length <= MOST)
			return { kept: runs, told: '' };
		for (let from = 0; from < runs.length; from += size) {
			const some = runs.slice(from, from + size);
			kept.push(d3.least(some, r => r.value), d3.greatest(some, r => r.value));
		}
		return { kept: [...new Set(kept)], told: ` Of ${runs.length} runs the least and the greatest of each ${size} are drawn.` };
	}

	function showRuns(figure, record) {
		const e = record.experiment, { kept: runs, told } = thin(runsOf(record));
		if (!runs.length)
			return;
		const height = 320, [factor, unit] = scaleOf(e.unit, d3.median(runs, r => r.value));
		const programs = e.programs.map(p => p.name);
		const { svg, tip } = picture(figure, height,
			'Every run in its order. A cross through it: the run was disturbed; hollow: it does not count (warm-up, or its round was repeated).' + told,
			'Runs in their order');
		const top = programs.length > 1 ? TOP + 20 : TOP; /* the legend is above */
		const x = d3.scaleLinear().domain([1, Math.max(2, record.runs.length)]).range([LEFT, WIDTH - RIGHT]);
		const y = d3.scaleLinear().domain(d3.extent(runs, r => r.value * factor)).nice().range([height - BOTTOM, top]);
		axes(svg, x, y, height, 'run', unit || 'figure');
		const noisy = r => r.verdict === 'noisy';
		const dots = svg.append('g').selectAll('path').data(runs).enter().append('path').attr('class', 'dot')
			.attr('transform', r => `translate(${x(r.i + 1)},${y(r.value * factor)})`)
			.attr('d', r => shapeOf(shapes[r.program % 5], 60, noisy(r)))
			.attr('stroke', r => noisy(r) ? 'var(--bad)' : colour(r.program))
			.attr('fill', r => r.aside ? 'none' : colour(r.program));
		tells(dots, tip, r => `run ${r.i + 1}, ${programs[r.program]}: ${(r.value * factor).toPrecision(4)} ${unit}, ${r.verdict}` +
			(r.aside ? `, ${r.aside}` : '') + (r.reason ? `: ${r.reason}` : ''));
		if (programs.length > 1)
			legend(svg, programs, shapes);
	}

	function legend(svg, names, symbols) {
		const g = svg.append('g').attr('transform', `translate(${LEFT + 10},${TOP})`);
		names.forEach((name, i) => {
			g.append('path').attr('transform', `translate(${i * 150},0)`).attr('fill', colour(i))
				.attr('d', d3.symbol().type(symbols[i % 5]).size(60)());
			g.append('text').attr('x', i * 150 + 10).attr('y', 4).text(name);
		});
	}

	/* Distributions: every run as a tick, the median and its interval as a bar. */
	function showSpread(figure, record) {
		const e = record.experiment, { kept: runs, told } = thin(runsOf(record).filter(r => !r.aside));
		if (!runs.length)
			return;
		const row = 46, height = TOP + BOTTOM + row * e.programs.length;
		const [factor, unit] = scaleOf(e.unit, d3.median(runs, r => r.value));
		const { svg, tip } = picture(figure, height, 'How the runs are spread: each a stroke; the bar is the median with its 95 % interval.' + told);
		const x = d3.scaleLinear().domain(d3.extent(runs, r => r.value * factor)).nice().range([LEFT, WIDTH - RIGHT]);
		axes(svg, x, null, height, unit || 'figure');
		e.programs.forEach((program, i) => {
			const top = TOP + i * row, own = runs.filter(r => r.program === i);
			const d = e.figures[0].of[i];
			svg.append('text').attr('x', LEFT - 8).attr('y', top + 20).attr('text-anchor', 'end').text(program.name);
			svg.append('g').selectAll('line').data(own).enter().append('line')
				.attr('x1', r => x(r.value * factor)).attr('x2', r => x(r.value * factor))
				.attr('y1', top + 4).attr('y2', top + 26).attr('stroke', colour(i)).attr('stroke-opacity', .45);
			if (d && d.median !== undefined) {
				const bar = svg.append('rect').datum(d).attr('class', 'dot').attr('x', x(d.low * factor)).attr('y', top + 28)
					.attr('width', Math.max(2, x(d.high * factor) - x(d.low * factor))).attr('height', 7).attr('fill', colour(i));
				tells(bar, tip, () => `${program.name}: ${d.sentence}`);
				svg.append('line').attr('x1', x(d.median * factor)).attr('x2', x(d.median * factor))
					.attr('y1', top + 25).attr('y2', top + 38).attr('stroke', 'var(--ink)').attr('stroke-width', 2);
			}
		});
	}

	/* Each difference with its interval, against none. */
	function showDifferences(figure, record) {
		const rows = [];
		record.experiment.figures.forEach(f => f.differences.forEach(d => {
			if (d.interval)
				rows.push({ name: (f.name ? f.name + ' ' : '') + d.program, d });
		}));
		if (!rows.length)
			return;
		const shown = rows.slice(0, 40), row = 24, left = 220, height = TOP + BOTTOM + row * shown.length;
		const { svg, tip } = picture(figure, height, 'Differences against the first program, with their intervals, in percent.');
		const percent = v => (v - 1) * 100;
		const x = d3.scaleLinear().domain(d3.extent(shown.flatMap(r => [percent(r.d.interval.low), percent(r.d.interval.high), 0])))
			.nice().range([left, WIDTH - RIGHT]);
		axes(svg, x, null, height, '% more than the first');
		svg.append('line').attr('x1', x(0)).attr('x2', x(0)).attr('y1', TOP).attr('y2', height - BOTTOM).attr('stroke', 'var(--ink)');
		shown.forEach((r, i) => {
			const y = TOP + i * row + row / 2, sure = r.d.claim === 'less' || r.d.claim === 'more';
			svg.append('text').attr('x', left - 10).attr('y', y + 4).attr('text-anchor', 'end').text(r.name.slice(-34));
			svg.append('line').attr('x1', x(percent(r.d.interval.low))).attr('x2', x(percent(r.d.interval.high)))
				.attr('y1', y).attr('y2', y).attr('stroke', colour(sure ? 0 : 1)).attr('stroke-width', 4);
			const dot = svg.append('path').datum(r).attr('class', 'dot').attr('transform', `translate(${x(percent(r.d.interval.ratio))},${y})`)
				.attr('d', d3.symbol().type(sure ? d3.symbolCircle : d3.symbolDiamond).size(90)()).attr('fill', colour(sure ? 0 : 1));
			tells(dot, tip, q => `${q.name}: ${q.d.sentence}`);
		});
	}

	/* One run: what it lost, as time goes by. */
	function showTimeline(figure, record) {
		const samples = record.samples || [];
		if (samples.length < 2)
			return;
		const height = 220, steps = samples.slice(1).map((s, i) => {
			const before = samples[i], span = s.at_ns - before.at_ns;
			const share = key => s[key] === null || before[key] === null || span <= 0 ? 0 : (s[key] - before[key]) / span * 100;
			return { at: s.at_ns / 1e9, others: share('others_ns'), steal: share('steal_ns') };
		});
		const { svg, tip } = picture(figure, height, 'What the run lost while it went on: to other tasks (squares) and to the hypervisor (circles), in % of the time.');
		const x = d3.scaleLinear().domain([0, d3.max(steps, s => s.at)]).range([LEFT, WIDTH - RIGHT]);
		const y = d3.scaleLinear().domain([0, Math.max(0.1, d3.max(steps, s => Math.max(s.others, s.steal)))]).nice().range([height - BOTTOM, TOP]);
		axes(svg, x, y, height, 'seconds', '%');
		[['others', d3.symbolSquare, 1, 'other tasks'], ['steal', d3.symbolCircle, 0, 'the hypervisor']].forEach(([key, shape, i, name]) => {
			svg.append('path').datum(steps).attr('fill', 'none').attr('stroke', colour(i)).attr('d', d3.line().x(s => x(s.at)).y(s => y(s[key])));
			const dots = svg.append('g').selectAll('path').data(steps).enter().append('path').attr('class', 'dot')
				.attr('transform', s => `translate(${x(s.at)},${y(s[key])})`).attr('d', d3.symbol().type(shape).size(30)()).attr('fill', colour(i));
			tells(dots, tip, s => `after ${s.at.toFixed(1)} s: ${name} had ${s[key].toFixed(3)} %`);
		});
	}

	/* CPU by time: where the longest interruptions of a check were. */
	function showHeat(figure, check) {
		const cpus = check.of || [], cells = [], bins = 60;
		cpus.forEach((cpu, row) => {
			const sums = new Array(bins).fill(0);
			(cpu.longest || []).forEach(gap => {
				sums[Math.min(bins - 1, Math.max(0, Math.floor(gap.at_ns / check.duration_ns * bins)))] += gap.ns;
			});
			sums.forEach((ns, i) => cells.push({ cpu: cpu.cpu, row, i, ns }));
		});
		const most = d3.max(cells, c => c.ns) || 0;
		if (!most)
			return;
		const row = 26, height = TOP + BOTTOM + row * cpus.length;
		const { svg, tip } = picture(figure, height, `The longest interruptions by CPU and time; the darkest field: ${(most / 1e6).toFixed(2)} ms of them.`);
		const x = d3.scaleLinear().domain([0, check.duration_ns / 1e9]).range([LEFT, WIDTH - RIGHT]);
		axes(svg, x, null, height, 'seconds');
		const width = (WIDTH - RIGHT - LEFT) / bins;
		const rects = svg.append('g').selectAll('rect').data(cells).enter().append('rect').attr('class', 'dot')
			.attr('x', c => LEFT + c.i * width).attr('y', c => TOP + c.row * row).attr('width', width - 1).attr('height', row - 4)
			.attr('fill', 'var(--c1)').attr('fill-opacity', c => c.ns ? 0.15 + 0.85 * c.ns / most : 0.03);
		tells(rects.filter(c => c.ns > 0), tip, c => `CPU ${c.cpu}, ${(c.i / bins * check.duration_ns / 1e9).toFixed(2)} s: ${(c.ns / 1e6).toFixed(3)} ms`);
		cpus.forEach((cpu, i) => svg.append('text').attr('x', LEFT - 8).attr('y', TOP + i * row + 16).attr('text-anchor', 'end').text(`CPU ${cpu.cpu}`));
	}

	/* A soak: noise by minute. */
	function showSoak(figure, soak) {
		const blocks = soak.blocks || [];
		if (!blocks.length)
			return;
		const height = 220, keys = Object.keys(blocks[0]).filter(k => typeof blocks[0][k] === 'number' && k !== 'at_ns' && k !== 'longest_ns');
		const key = keys.includes('preempted') ? 'preempted' : keys[0];
		const { svg, tip } = picture(figure, height, `Noise as time goes by (${key}, in % of each block). A cross through it: the block was noisy.`);
		const span = d3.extent(blocks, b => b.at_ns / 1e6);
		const x = d3.scaleTime().domain(span).range([LEFT + 10, WIDTH - RIGHT - 10]);
		const y = d3.scaleLinear().domain([0, Math.max(0.01, d3.max(blocks, b => b[key] * 100))]).nice().range([height - BOTTOM, TOP]);
		axes(svg, x, y, height, 'time', '%', clock(span));
		const dots = svg.append('g').selectAll('path').data(blocks).enter().append('path').attr('class', 'dot')
			.attr('transform', b => `translate(${x(b.at_ns / 1e6)},${y(b[key] * 100)})`)
			.attr('d', b => shapeOf(d3.symbolCircle, 40, b.verdict === 'noisy')).attr('fill', colour(0))
			.attr('stroke', b => b.verdict === 'noisy' ? 'var(--bad)' : colour(0));
		tells(dots, tip, b => `${new Date(b.at_ns / 1e6).toISOString().slice(0, 19)}: ${(b[key] * 100).toFixed(3)} %, ${b.verdict}` + (b.culprit ? `: ${b.culprit}` : ''));
	}

	/* Several records: how a figure went over the weeks. */
	function showHistory(figure) {
		const points = [];
		records.forEach(record => ((record.experiment || {}).figures || []).slice(0, 1).forEach(f => (f.of || []).forEach((d, i) => {
			if (d.median !== undefined && (!points.length || points[0].unit === record.experiment.unit))
				points.push({ at: new Date(record.started_at), i, d, unit: record.experiment.unit });
		})));
		if (d3.extent(points, p => +p.at)[0] === d3.extent(points, p => +p.at)[1])
			return;
		const height = 280, [factor, unit] = scaleOf(points[0].unit, points[0].d.median);
		const { svg, tip } = picture(figure, height, 'Medians with their intervals, from record to record.');
		const x = d3.scaleTime().domain(d3.extent(points, p => p.at)).range([LEFT + 10, WIDTH - RIGHT - 10]);
		const y = d3.scaleLinear().domain(d3.extent(points.flatMap(p => [p.d.low * factor, p.d.high * factor]))).nice().range([height - BOTTOM, TOP]);
		axes(svg, x, y, height, 'time', unit, clock(d3.extent(points, p => +p.at)));
		points.forEach(p => svg.append('line').attr('x1', x(p.at)).attr('x2', x(p.at)).attr('y1', y(p.d.low * factor)).attr('y2', y(p.d.high * factor)).attr('stroke', colour(p.i)));
		const dots = svg.append('g').selectAll('path').data(points).enter().append('path').attr('class', 'dot')
			.attr('transform', p => `translate(${x(p.at)},${y(p.d.median * factor)})`)
			.attr('d', p => d3.symbol().type(shapes[p.i % 5]).size(60)()).attr('fill', p => colour(p.i));
		tells(dots, tip, p => `${p.at.toISOString().slice(0, 16)}, ${p.d.program}: ${p.d.sentence}`);
	}

	const charts = {
		runs: showRuns, spread: showSpread, differences: showDifferences,
		timeline: showTimeline,
		heat: (figure, record) => showHeat(figure, record.check), soak: showSoak,
		history: showHistory
	};
	/* A record that lacks something spoils its own picture alone. */
	function draw(figure) {
		try {
			charts[figure.dataset.chart](figure, records[+figure.dataset.record]);
		} catch (error) {
			figure.textContent = 'The record does not hold what this picture needs.';
		}
	}
	document.querySelectorAll('figure[data-chart]').forEach(figure =>
		draw(figure));
})();
