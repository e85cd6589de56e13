/*
 * flags.c - the command line, in Go's spelling
 *
 * One dash or two, with or without "test.", a value after = or as the next word.
 * Words that are no flags are ignored: tools that re-run tests add a package name.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule.h"

enum type { F_BOOL, F_TEXT, F_COUNT, F_DURATION, F_VERBOSE, F_SHUFFLE, F_BENCHTIME, F_CPU,
	F_HELP, F_IGNORE, F_SEED, F_STRATEGY, F_DEPTH };

static const struct flag {
	const char	*name;
	enum type	 type;
	void		*to;
	const char	*arg, *help;
} flags[] = {
	{ "bench", F_TEXT, &harness.opt.bench, "regexp", "run the benchmarks that match" },
	{ "benchmem", F_BOOL, &harness.opt.benchmem, "", "show allocations of benchmarks" },
	{ "benchtime", F_BENCHTIME, NULL, "d",
	    "run each benchmark for d, or N times if d is Nx (default 1s)" },
	{ "blockprofile", F_TEXT, &harness.opt.blockprofile, "file",
	    "write where goroutines waited for others, for pprof" },
	{ "count", F_COUNT, &harness.opt.count, "n", "run everything n times (default 1)" },
	{ "cpu", F_CPU, NULL, "n",
	    "must be how many run at the same time; set WEFT_PROCS=n instead" },
	{ "cpuprofile", F_TEXT, &harness.opt.cpuprofile, "file",
	    "write where processor time went, for pprof" },
	{ "depth", F_DEPTH, NULL, "n",
	    "explore with PCT, for bugs that take n ordered events (2 to 15)" },
	{ "explore", F_COUNT, &harness.opt.explore, "n",
	    "run each test under n schedules, in virtual time" },
	{ "failfast", F_BOOL, &harness.opt.failfast, "",
	    "start no test after the first failure" },
	{ "goroutineprofile", F_TEXT, &harness.opt.goroutineprofile, "file",
	    "write where goroutines are at the end, for pprof" },
	{ "help", F_HELP, NULL, "", "print this" },
	{ "h", F_HELP, NULL, NULL, NULL },
	{ "json", F_BOOL, &harness.opt.json, "",
	    "print events as JSON, as go test -json does" },
	{ "list", F_TEXT, &harness.opt.list, "regexp",
	    "print the names that match and run nothing" },
	{ "memprofile", F_TEXT, &harness.opt.memprofile, "file",
	    "write where memory was allocated, for pprof" },
	{ "memprofilerate", F_COUNT, &harness.opt.memprofilerate, "n",
	    "for that, draw an allocation each n bytes on average (default 524288; 1: all)" },
	{ "mutexprofile", F_TEXT, &harness.opt.mutexprofile, "file",
	    "write where goroutines waited for locks, for pprof" },
	{ "outputdir", F_TEXT, &harness.opt.outputdir, "dir",
	    "where traces and schedules of failed tests go (default $TMPDIR or /tmp)" },
	{ "parallel", F_COUNT, &harness.opt.parallel, "n",
	    "parallel tests at a time (default: WEFT_PROCS)" },
	{ "paniconexit0", F_IGNORE, NULL, NULL, NULL },	/* always on here */
	{ "race", F_BOOL, &harness.opt.race, "",
	    "run this program's other build, the one under ThreadSanitizer" },
	{ "replay", F_TEXT, &harness.opt.replay, "file",
	    "run the test of a .schedule file, exactly as the file says" },
	{ "run", F_TEXT, &harness.opt.run, "regexp",
	    "run the tests that match; a/b: sub-tests b of a" },
	{ "seed", F_SEED, NULL, "n",
	    "explore from schedule n on; a number that a report gave: that schedule alone" },
	{ "short", F_BOOL, &harness.opt.short_, "", "let long tests do less" },
	{ "shrink", F_BOOL, &harness.opt.shrink, "",
	    "take longer to find a shorter schedule that fails" },
	{ "shuffle", F_SHUFFLE, NULL, "off|on|n",
	    "run in random order; n: the one with this seed" },
	{ "skip", F_TEXT, &harness.opt.skip, "regexp", "do not run the tests that match" },
	{ "strategy", F_STRATEGY, NULL, "random|pct|chaos|all",
	    "how to explore (default all)" },
	{ "stress", F_DURATION, &harness.opt.stress, "d",
	    "repeat each explored test for d, with new schedules, until it fails" },
	{ "timeout", F_DURATION, &harness.opt.timeout, "d",
	    "stop everything after d, -stress not counted; 0: never (default 10m)" },
	{ "trace", F_TEXT, &harness.opt.trace, "file",
	    "at the end, write what ran last, for ui.perfetto.dev" },
	{ "v", F_VERBOSE, NULL, "", "print the name and the log of every test" },
	{ "wallprofile", F_TEXT, &harness.opt.wallprofile, "file",
	    "write where all goroutines spent their time, running or not, for pprof" },
};
enum { NFLAGS = sizeof flags / sizeof *flags };

/* Go's: a sequence of numbers with units. */
int64_t flags_duration(const char *s)
{
	static const struct { const char *name; double ns; } units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "\302\265s", 1e3 }, { "ms", 1e6 },
		{ "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
	};
	double sum = 0;

	if (strcmp(s, "0") == 0)
		return 0;
	do {
		char *end;
		size_t u = 0, n = 0;
		double x;
		if (!isdigit((unsigned char)*s) && *s != '.')
			return -1;
		x = strtod(s, &end);
		n = strcspn(end, "0123456789.");
		for (u = 0; u < sizeof units / sizeof *units; u++)
			if (strlen(units[u].name) == n && !memcmp(units[u].name, end, n))
				break;
		if (u == sizeof units / sizeof *units)
			return -1;
		sum += x * units[u].ns;
		s = end + n;
	} while (*s);
	return sum < 9e18 ? (int64_t)sum : -1;
}

const char *flags_duration_text(int64_t ns, char buf[32])
{
	int64_t s = ns / WEFT_SECOND;
	char *p = buf, *end = buf + 32;

	if (ns && ns < WEFT_SECOND) {
		double x = (double)ns;
		const char *unit = ns < WEFT_US ? "ns" : ns < WEFT_MS ? "us" : "ms";
		snprintf(buf, 32, "%.6g%s", x / (ns < WEFT_US ? 1 : ns < WEFT_MS ? 1e3 : 1e6),
		    unit);
		return buf;
	}
	if (s >= 3600)
		p += snprintf(p, (size_t)(end - p), "%jdh", (intmax_t)(s / 3600));
	if (s >= 60)
		p += snprintf(p, (size_t)(end - p), "%dm", (int)(s / 60 % 60));
	snprintf(p, (size_t)(end - p), "%.9gs", (double)(ns % (60 * WEFT_SECOND)) / 1e9);
	return buf;
}

static int usage(void)
{
	printf("usage: %s [flags]\n", harness.program);
	for (size_t i = 0; i < NFLAGS; i++)
		if (flags[i].help) {
			int n = printf("  -%s %s", flags[i].name, flags[i].arg);
			printf("%*s%s\n", n < 20 ? 20 - n : 1, "", flags[i].help);
		}
	fflush(stdout);
	return 0;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* How many letters to change, add or drop. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32], n = strlen(b), old, diagonal;

	if (n >= 31)
		return n;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			old = row[j];
			row[j] = least(least(old, row[j - 1]) + 1, diagonal + (*a != b[j - 1]));
			diagonal = old;
		}
	}
	return row[n];
}

static int unknown(const char *name, size_t len)
{
	char *text = strndup(name, len);
	const char *best = NULL;
	size_t d, min = 6;	/* at most two letters off */

	for (size_t i = 0; text && i < NFLAGS; i++) {
		if (!flags[i].help || (d = distance(text, flags[i].name)) >= len)
			continue;
		d = 2 * d + (*text != *flags[i].name);	/* people get the first one right */
		if (d < min) {
			min = d;
			best = flags[i].name;
		}
	}
	fprintf(stderr, "%s: there is no flag -%s", harness.package, text ? text : name);
	if (best)
		fprintf(stderr, "; did you mean -%s?\n", best);
	else
		fprintf(stderr, "; -help lists them\n");
	free(text);
	return 2;
}

static bool number(const char *s, int64_t least_allowed, int64_t *to)
{
	char *end;
	long long x = strtoll(s, &end, 10);

	if (end == s || *end || x < least_allowed)
		return false;
	*to = x;
	return true;
}

static bool set_bool(bool *to, const char *s)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; s && i < sizeof yes / sizeof *yes; i++) {
		if (strcmp(s, no[i]) == 0)
			return *to = false, true;
		if (strcmp(s, yes[i]) == 0)
			return *to = true, true;
	}
	*to = !s;
	return !s;
}

static bool set_shuffle(const char *s)
{
	int64_t seed;

	harness.opt.shuffle = strcmp(s, "off") != 0;
	if (strcmp(s, "on") == 0)
		harness.opt.seed = rand_entropy() >> 1;
	else if (harness.opt.shuffle)
		return number(s, INT64_MIN, &seed) && (harness.opt.seed = (uint64_t)seed, true);
	return true;
}

static bool set_benchtime(const char *s)
{
	size_t n = strlen(s);
	char *text;
	bool ok;

	if (!n || s[n - 1] != 'x')
		return (harness.opt.benchtime = flags_duration(s)) > 0;
	text = strndup(s, n - 1);
	ok = text && number(text, 1, &harness.opt.benchloops);
	free(text);
	return ok;
}

static bool set_seed(const char *s)
{
	char *end;

	harness.opt.schedule_seed = strtoull(s, &end, 0);
	harness.opt.seeded = true;
	return isdigit((unsigned char)*s) && !*end;
}

static bool set_strategy(const char *s)
{
	static const char *const names[] = { "all", "random", "pct", "chaos" };

	for (int i = 0; i < 4; i++)
		if (strcmp(s, names[i]) == 0) {
			harness.opt.strategy = i;
			return true;
		}
	return false;
}

static bool set(const struct flag *f, const char *s)
{
	switch (f->type) {
	case F_TEXT:
		*(const char **)f->to = s;
		return true;
	case F_COUNT:
		return number(s, 1, f->to);
	case F_DURATION:
		return (*(int64_t *)f->to = flags_duration(s)) >= 0;
	case F_BENCHTIME:
		return set_benchtime(s);
	case F_SHUFFLE:
		return set_shuffle(s);
	case F_SEED:
		return set_seed(s);
	case F_STRATEGY:
		return set_strategy(s);
	case F_DEPTH:
		return number(s, 2, &harness.opt.depth) && harness.opt.depth <= MOST_DEPTH;
	case F_BOOL:
		return set_bool(f->to, s);
	case F_VERBOSE:
		harness.opt.marks = s && strcmp(s, "test2json") == 0;
		return harness.opt.marks ? harness.opt.verbose = true :
		    set_bool(&harness.opt.verbose, s);
	default:
		return true;
	}
}

static int bad_value(const struct flag *f, const char *s)
{
	fprintf(stderr, "%s: -%s cannot be \"%s\"", harness.package, f->name, s);
	if (f->arg && *f->arg)
		fprintf(stderr, "; it is -%s %s: %s", f->name, f->arg, f->help);
	fputc('\n', stderr);
	return 2;
}

static int check_cpu(const char *s)
{
	int64_t n;

	if (number(s, 1, &n) && n == weft_procs())
		return -1;
	fprintf(stderr, "%s: -cpu %s: this process runs %d at a time, which cannot change; "
	    "run it again with WEFT_PROCS=%s\n", harness.package, s, weft_procs(), s);
	return 2;
}

static bool takes_value(const struct flag *f)
{
	return f->type != F_BOOL && f->type != F_VERBOSE && f->type != F_HELP &&
	    f->type != F_IGNORE;
}

static const struct flag *find(const char *name, size_t n)
{
	for (size_t i = 0; i < NFLAGS; i++)
		if (strlen(flags[i].name) == n && !memcmp(flags[i].name, name, n))
			return &flags[i];
	return NULL;
}

/* One word and, where the flag takes one, its value. */
static int parse_one(char ***argv)
{
	const char *name = **argv + 1, *value = NULL;
	const struct flag *f;
	size_t n;

	name += *name == '-';
	if (strncmp(name, "test.", 5) == 0)
		name += 5;
	n = strcspn(name, "=");
	if (name[n])
		value = name + n + 1;
	f = find(name, n);
	if (!f)
		return unknown(name, n);
	if (f->type == F_HELP)
		return usage();
	if (takes_value(f) && !value && !(value = *++*argv)) {
		fprintf(stderr, "%s: -%s needs a value: %s\n", harness.package, f->name, f->arg);
		--*argv;
		return 2;
	}
	if (f->type == F_CPU)
		return check_cpu(value);
	return set(f, value) ? -1 : bad_value(f, value);
}

int flags_parse(int argc, char **argv)
{
	int status = -1;

	harness.opt.count = 1;
	harness.opt.parallel = weft_procs();
	harness.opt.timeout = 600 * WEFT_SECOND;
	harness.opt.benchtime = WEFT_SECOND;
	for (argv += argc > 0; status < 0 && *argv; argv++) {
		if (strcmp(*argv, "--") == 0)
			break;
		if (**argv == '-' && (*argv)[1])
			status = parse_one(&argv);
	}
	return status;
}
