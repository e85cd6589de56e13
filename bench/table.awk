# table.awk - medians and ratios from the lines "side procs name unit value"
#
# Variables: names, in the order to print; most, the number of all workers.  The
# price is in "ns/op", unless there is another unit that begins with "ns/".

{
	v[$1, $2, $3, $4, ++count[$1, $2, $3, $4]] = $5
	if ($4 ~ /^ns\//) {
		if (price[$3] == "" || $4 != "ns/op")
			price[$3] = $4
	} else if (!(($3, $4) in seen)) {
		seen[$3, $4] = 1
		extra[$3] = extra[$3] " " $4
	}
}

function median(key,	n, i, j, x, s)
{
	n = count[key]
	if (n == 0)
		return ""
	for (i = 1; i <= n; i++) {
		x = v[key, i]
		for (j = i - 1; j > 0 && s[j] > x; j--)
			s[j + 1] = s[j]
		s[j + 1] = x
	}
	return n % 2 ? s[(n + 1) / 2] : (s[n / 2] + s[n / 2 + 1]) / 2
}

function get(side, procs, name, unit)
{
	return median(side SUBSEP procs SUBSEP name SUBSEP unit)
}

function number(x)
{
	if (x == "")
		return "-"
	return sprintf(x < 10 ? "%.2f" : x < 1000 ? "%.1f" : "%.0f", x)
}

# More is better only for what is counted per second, and for speed-up.
function ratio(ours, go, more,	r)
{
	if (ours == "" || go == "" || ours <= 0 || go <= 0)
		return "       "
	r = more ? ours / go : go / ours
	return sprintf("%5.2fx", r) (r < 1 ? "*" : " ")
}

function group(ours, go, more)
{
	return sprintf(" %11s %11s %s", number(ours), go == "" ? "" : number(go),
	    ratio(ours, go, more))
}

function row(label, name, unit,	line, more)
{
	more = unit ~ /\/s$/
	line = sprintf("%-34s", label)
	line = line group(get("weft", 1, name, unit), get("go", 1, name, unit), more)
	if (most > 1)
		line = line " |" group(get("weft", most, name, unit),
		    get("go", most, name, unit), more)
	sub(/ +$/, "", line)
	print line
}

function heading(title,	line, columns)
{
	columns = sprintf(" %11s %11s  ratio ", "weft", "Go")
	line = sprintf("%-34s%s", title, columns)
	if (most > 1)
		line = line " |" columns
	sub(/ +$/, "", line)
	print line
}

function gain(side, name,	one, two)
{
	one = get(side, 1, name, price[name])
	two = get(side, 2, name, price[name])
	return one == "" || two == "" ? "" : one / two
}

END {
	n = split(names, name, " ")
	printf "\n%-34s %s\n", "", most == 1 ? "1 worker" : \
	    sprintf("%-32s | %d workers", "1 worker", most)
	heading("ns each")
	for (i = 1; i <= n; i++)
		row(name[i], name[i], price[name[i]])
	for (i = 1; i <= n; i++) {
		m = split(extra[name[i]], unit, " ")
		if (m > 0 && !headed++) {
			print ""
			heading("other")
		}
		for (j = 1; j <= m; j++)
			row(name[i] " " unit[j], name[i], unit[j])
	}
	for (i = 1; i <= n && most > 1; i++)
		if (name[i] ~ /^(Work10us|Pairs100us)$/) {
			if (!gained++)
				printf "\n%-34s %11s %11s  ratio\n",
				    "speed-up, 2 workers over 1", "weft", "Go"
			line = sprintf("%-34s", name[i]) \
			    group(gain("weft", name[i]), gain("go", name[i]), 1)
			sub(/ +$/, "", line)
			print line
		}
}
