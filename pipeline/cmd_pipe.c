/*
 * cmd_pipe.c - weft-pipeline pipe: a pipeline in one line of the shell
 *
 * The options that are steps make the steps, in the order in which they stand.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "flags.h"
#include "schema.h"
#include "signals.h"
#include "units.h"
#include "weft/sync.h"

static const char help[] =
"usage: weft-pipeline pipe [options] [FILE...]\n"
"\n"
"Reads FILEs or standard input, runs the steps in the order in which they are given,\n"
"and writes the lines to standard output.\n"
"\n"
"    -p, --parse FORMAT  auto (default), json, plain, logfmt, syslog, access or cri\n"
"        --regex RE      each line by RE, whose named groups become fields; time, level,\n"
"                        message, host and tag are what they say\n"
"        --multiline M   several lines are one: stacktrace, indent, or a regex of lines\n"
"                        that begin a new one\n"
"\n"
"steps, each as often as you like:\n"
"    -w, --where EXPR    keep these: 'level >= warn and message =~ \"time ?out\"'\n"
"    -l, --level LEVEL   keep this level and above\n"
"        --sample SHARE[,BY]   keep a share (10%), by the value of a field\n"
"        --limit RATE[,PER]    keep at most so many (200/s), per value of a field\n"
"        --dedup TIME[,BY]     drop what was there in the last TIME (10s): a line that says\n"
"                        the same, or has the same value of a field\n"
"    -r, --redact WHAT   email, card, ipv4, ipv6, bearer, or a regex: becomes [email] and\n"
"                        so on, or [redacted]\n"
"    -s, --set FIELD=VALUE     ${ENV} and {field} in VALUE are replaced\n"
"\n"
"output:\n"
"    -o, --output FORMAT json, logfmt, text, pretty, raw, syslog or syslog_bsd (default:\n"
"                        pretty on a terminal, else json)\n"
"        --to FILE       append to FILE instead of standard output\n"
"    -d, --dead FILE     append lines that cannot be parsed to FILE, with the reason\n"
"        --follow        do not stop at the end of FILEs: wait for more\n"
"\n"
"Exit status 1 when something could not be read or written.\n"
"\n"
"examples:\n"
"    tail -f app.log | weft-pipeline pipe -w 'level >= error' -r email -o logfmt\n"
"    weft-pipeline pipe -p access -w 'status >= 500' --limit 1/s,remote_addr access.log\n"
"    kubectl logs -f web | weft-pipeline pipe -s pod=web --to web.jsonl\n";

struct flag { int c; const char *arg; };

struct pipe {
	struct weft_source_options source;
	struct flag	*steps;
	int		 nsteps;
	int		 format;
	const char	*to, *dead;
	weft_ctx	*ctx;
};

static int
pipe_option(struct pipe *o, int c, char **argv)
{
	switch (c) {
	case 'p':
		o->source.format = weft_line_format_parse(optarg);
		if (o->source.format < 0 || o->source.format == WEFT_LINE_REGEX)
			return command_misuse("the format must be auto, json, plain, logfmt, "
			    "syslog, access or cri, not", optarg);
		return 0;
	case 'R':
		o->source.format = WEFT_LINE_REGEX;
		o->source.regex = optarg;
		return 0;
	case 'M':
		o->source.multiline = optarg;
		return 0;
	case 'o':
		o->format = weft_output_format_parse(optarg);
		if (o->format < 0)
			return command_misuse("the format must be json, logfmt, text, pretty, raw, "
			    "syslog or syslog_bsd, not", optarg);
		return 0;
	case 't':
		o->to = optarg;
		return 0;
	case 'd':
		o->dead = optarg;
		return 0;
	case 'F':
		o->source.once = false;
		return 0;
	case '?':
	case ':':
		return command_bad_option(c, argv);
	}
	o->steps[o->nsteps++] = (struct flag){ c, optarg };
	return 0;
}

/* "10s,user": cuts off the name behind the comma. */
static const char *
take_name(char *arg)
{
	char *comma = strchr(arg, ',');

	if (!comma)
		return NULL;
	*comma = '\0';
	return comma + 1;
}

static int
quantity(const char *why, const char *what, const char *arg)
{
	if (!why)
		return 0;
	command_say("the %s '%s' is wrong: %s; see weft-pipeline pipe --help", what, arg, why);
	return 2;
}

/* 0, a negative errno that the pipeline explains, or an exit status. */
static int
counted_step(weft_pipeline *p, int c, const char *name, char *arg)
{
	const char *by = take_name(arg);
	struct rate rate;
	double share;
	int64_t ns;
	int status;

	switch (c) {
	case 'S':
		status = quantity(unit_share(arg, &share), "share", arg);
		return status ? status : weft_pipeline_sample(p, name, share, by);
	case 'L':
		status = quantity(unit_rate(arg, &rate.events, &rate.per), "rate", arg);
		return status ? status :
		    weft_pipeline_limit(p, name, rate.events, rate.per, 0, by);
	default:
		status = quantity(unit_duration(arg, &ns), "time", arg);
		return status ? status : weft_pipeline_dedup(p, name, ns, by);
	}
}

static int
level_step(weft_pipeline *p, const char *name, const char *arg)
{
	char where[32];

	if (weft_level_parse(arg) < 0)
		return command_misuse("the level must be trace, debug, info, warn, error or fatal, "
		    "not", arg);
	snprintf(where, sizeof(where), "level >= %s", weft_level_name(weft_level_parse(arg)));
	return weft_pipeline_where(p, name, where);
}

static int
set_step(weft_pipeline *p, const char *name, char *arg)
{
	char *equals = strchr(arg, '=');

	if (!equals || equals == arg)
		return command_misuse("--set wants FIELD=VALUE, not", arg);
	*equals = '\0';
	return weft_pipeline_set(p, name, arg, equals + 1);
}

static int
call_step(weft_pipeline *p, const struct flag *f, char *arg, int i)
{
	const char *what = arg;
	char name[32];

	snprintf(name, sizeof(name), "step%d", i + 1);
	switch (f->c) {
	case 'w':
		return weft_pipeline_where(p, name, arg);
	case 'l':
		return level_step(p, name, arg);
	case 'r':
		return weft_pipeline_redact(p, name, &what, 1, NULL);
	case 's':
		return set_step(p, name, arg);
	}
	return counted_step(p, f->c, name, arg);
}

static int
add_steps(weft_pipeline *p, const struct pipe *o)
{
	int status = 0;

	for (int i = 0; i < o->nsteps && !status; i++) {
		char *arg = xstrdup(o->steps[i].arg);

		status = call_step(p, &o->steps[i], arg, i);
		free(arg);
	}
	return status < 0 ? flags_failed(p, status) : status;
}

static int
add_output(weft_pipeline *p, const struct pipe *o, char **files)
{
	struct weft_file_options file = { .path = o->to };
	struct weft_output_options out = {
		.standard_output = !o->to, .file = o->to ? &file : NULL, .format = o->format
	};

	return flags_add(p, o->to ? o->to : "stdout", &out, files);
}

static void
stop(void *arg)
{
	weft_cancel(((struct pipe *)arg)->ctx);
}

static int
run(weft_pipeline *p, struct pipe *o)
{
	weft_ctx *life = weft_with_cancel(NULL);
	struct signals signals = { stop, NULL, o };
	weft_waitgroup helper = { 0 };
	int err = signals_catch(false);

	o->ctx = weft_with_cancel(NULL);
	if (!err) {
		weft_waitgroup_go(&helper, signals_watch, life, &signals);
		err = weft_pipeline_run(o->ctx, p);
	}
	weft_cancel(life);
	weft_waitgroup_wait(&helper);
	weft_ctx_free(life);
	weft_ctx_free(o->ctx);
	if (err && err != -EPIPE) {	/* "pipe | head" is no news */
		if (*weft_pipeline_error(p))
			command_say("%s", weft_pipeline_error(p));
		else			/* which file it was has been told */
			command_say("not everything could be read or written: %s",
			    strerror(-err));
	}
	return err != 0;
}

static int
build_and_run(struct pipe *o, char **files)
{
	static char *input[] = { (char *)"-", NULL };
	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){ 0 });
	int status;

	files = *files ? files : input;
	status = flags_sources(p, files, &o->source);
	if (!status)
		status = add_steps(p, o);
	if (!status)
		status = add_output(p, o, files);
	if (!status && o->dead)
		status = flags_dead(p, o->dead, files);
	if (!status)
		status = run(p, o);
	weft_pipeline_free(p);
	return status;
}

int
cmd_pipe(int argc, char **argv)
{
	static const struct option options[] = {
		{ "parse", 1, NULL, 'p' }, { "regex", 1, NULL, 'R' },
		{ "multiline", 1, NULL, 'M' }, { "where", 1, NULL, 'w' },
		{ "level", 1, NULL, 'l' }, { "sample", 1, NULL, 'S' }, { "limit", 1, NULL, 'L' },
		{ "dedup", 1, NULL, 'D' }, { "redact", 1, NULL, 'r' }, { "set", 1, NULL, 's' },
		{ "output", 1, NULL, 'o' }, { "to", 1, NULL, 't' }, { "dead", 1, NULL, 'd' },
		{ "follow", 0, NULL, 'F' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	struct pipe o = { .source.once = true };
	int c, status = 0;

	o.steps = xcalloc(argc + 1, sizeof(*o.steps));
	while (!status && (c = getopt_long(argc, argv, ":p:w:l:r:s:o:d:h", options, NULL)) != -1) {
		if (c == 'h') {
			free(o.steps);
			return command_print("%s", help);
		}
		status = pipe_option(&o, c, argv);
	}
	if (!status)
		status = build_and_run(&o, argv + optind);
	free(o.steps);
	return status;
}
