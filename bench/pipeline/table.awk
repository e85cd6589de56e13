# table.awk - medians, ratios and bars from "case cores subject bytes name value name value..."
#
# A bar is for us alone (so many MB/s on one CPU, so much memory, so long) or a ratio to
# one of the others.  What could not be measured is neither met nor missed.

BEGIN {
	least["file"] = 300; least["json"] = 200; least["clf"] = 100
	times["file", "rsyslog"] = times["file", "syslog_ng"] = 2
	times["json", "syslog_ng"] = 3
	times["tcp", "syslog_ng"] = 1.5
	most["idle"] = 8; most["stalled"] = budget + 8
	late = 10
}

{
	n = ++count[$1, $2, $3]
	cores[$1] = cores[$1] (index(" " cores[$1] " ", " " $2 " ") ? "" : " " $2)
	size[$1, $2, $3] = $4
	for (i = 5; i < NF; i += 2)
		v[$1, $2, $3, $i, n] = $(i + 1)
}

function median(kind, c, s, name,	n, i, j, x, a)
{
	n = count[kind, c, s]
	for (i = 1; i <= n; i++) {
		x = v[kind, c, s, name, i] + 0
		for (j = i - 1; j > 0 && a[j] > x; j--)
			a[j + 1] = a[j]
		a[j + 1] = x
	}
	return n == 0 ? "" : n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}

function rate(kind, c, s,	t)
{
	t = median(kind, c, s, "seconds")
	return t == "" || t == 0 ? "" : size[kind, c, s] / t / 1e6
}

function verdict(bar, met)
{
	return bar "  " (met ? "met" : "MISSED")
}

function line(text)
{
	sub(/ +$/, "", text)
	print text
}

function throughput(kind, c, s,	r, ours, ratio, bar)
{
	r = rate(kind, c, s)
	if (r == "") {
		line(sprintf("%-8s %4s  %-10s %8s", kind, c, s, "-"))
		return
	}
	ours = rate(kind, c, "weft")
	if (s != "weft" && ours != "") {
		ratio = sprintf("%.2fx", ours / r)
		if ((kind, s) in times)
			bar = verdict(sprintf(">= %gx", times[kind, s]), ours / r >= times[kind, s])
	} else if (s == "weft" && c == 1 && kind in least)
		bar = verdict(sprintf(">= %d MB/s", least[kind]), r >= least[kind])
	line(sprintf("%-8s %4s  %-10s %8.1f %10.2f %9.1f %8s  %s", kind, c, s, r,
	    median(kind, c, s, "cpu") / size[kind, c, s] * 1e9,
	    median(kind, c, s, "peak") / 1024, ratio, bar))
}

function memory(kind, c, s,	m, bar)
{
	m = median(kind, c, s, "peak")
	if (m == "") {
		line(sprintf("%-8s %4s  %-10s %9s", kind, c, s, "-"))
		return
	}
	if (s == "weft")
		bar = verdict(sprintf("<= %d MB", most[kind]), m / 1024 <= most[kind])
	line(sprintf("%-8s %4s  %-10s %9.1f  %s", kind, c, s, m / 1024, bar))
}

function delay(kind, c, s,	p99, bar)
{
	p99 = median(kind, c, s, "p99")
	if (p99 == "") {
		line(sprintf("%-8s %4s  %-10s %8s", kind, c, s, "-"))
		return
	}
	if (s == "weft")
		bar = verdict(sprintf("p99 <= %d ms", late), p99 <= late)
	line(sprintf("%-8s %4s  %-10s %8.2f %8.2f %8.2f %8.1f %9.1f  %s", kind, c, s,
	    median(kind, c, s, "p50"), p99, median(kind, c, s, "max"),
	    100 * median(kind, c, s, "cpu") / median(kind, c, s, "seconds"),
	    median(kind, c, s, "peak") / 1024, bar))
}

# The rows of those of the cases that are among which, with a heading.
function table(which, heading,	i, j, k, n, m, l, name, c, s, some)
{
	n = split(cases, name, " ")
	m = split(subjects, s, " ")
	for (i = 1; i <= n; i++) {
		if (index(which, " " name[i] " ") == 0)
			continue
		l = split(cores[name[i]], c, " ")
		for (j = 1; j <= l; j++) {
			if (!some++)
				printf "\n%s\n", heading
			for (k = 1; k <= m; k++) {
				if (name[i] == "latency")
					delay(name[i], c[j], s[k])
				else if (name[i] in most)
					memory(name[i], c[j], s[k])
				else
					throughput(name[i], c[j], s[k])
			}
		}
	}
}

END {
	table(" file json clf tcp ", sprintf("%-8s %4s  %-10s %8s %10s %9s %8s  %s", "case",
	    "CPUs", "subject", "MB/s", "CPU s/GB", "peak MB", "ratio", "bar"))
	table(" idle stalled ", sprintf("%-8s %4s  %-10s %9s  %s", "case", "CPUs", "subject",
	    "peak MB", "bar"))
	table(" latency ", sprintf("%-8s %4s  %-10s %8s %8s %8s %8s %9s  %s", "case", "CPUs",
	    "subject", "p50 ms", "p99 ms", "max ms", "CPU %", "peak MB", "bar"))
}
