/*
 * cmd_run.c - weft-pipeline run: a configuration, or files and options
 *
 * Exit status: 0 when every line was accounted for and delivered, 1 when not, 2 when it was
 * called wrongly, 128 + signal after the second signal.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "config.h"
#include "flags.h"
#include "notify.h"
#include "progress.h"
#include "signals.h"
#include "units.h"
#include "weft/sync.h"

#define REPORT 65536		/* bytes of the table at the end */

static const char help[] =
"usage: weft-pipeline run -c CONFIG [options]\n"
"       weft-pipeline run [options] FILE... | -\n"
"\n"
"With a configuration (weft-pipeline.conf(5)): reads its sources, runs its steps, and\n"
"delivers to its outputs, until it is told to stop.  With FILEs: reads all of them at\n"
"the same time, to the end (- is standard input), drops the lines below a level, adds\n"
"host, source and line number to the others, and writes them to every output.\n"
"At the end a table on standard error accounts for every line.\n"
"\n"
"    -c, --config FILE   the configuration; SIGHUP reads it again\n"
"    -s, --state DIR     keep checkpoints, ledger and disk queues there: what was read is\n"
"                        not read again, and nothing is lost, not even by kill -9\n"
"    -w, --workers N     run the steps in N goroutines (default: one per CPU)\n"
"        --unordered     do not keep the order of lines within a file\n"
"        --host NAME     name this host so (default: its host name); lines that\n"
"                        name a host keep theirs\n"
"        --drain TIME    deliver what has been read for so long, when stopped (30s)\n"
"        --listen ADDR   serve /metrics (Prometheus) and /healthz at ADDR, such as\n"
"                        127.0.0.1:9600 or :9600\n"
"        --progress      show counters and speed while running, also when standard\n"
"                        error is no terminal; --no-progress: never\n"
"    -q, --quiet         print the table only when something went wrong\n"
"\n"
"without a configuration:\n"
"    -l, --level LEVEL   deliver lines of this level and above: trace (default),\n"
"                        debug, info, warn, error, fatal\n"
"    -o, --output DEST   where to; may be given several times (default: stdout)\n"
"                          stdout         standard output\n"
"                          file:PATH      a file, replaced if it exists\n"
"                          append:PATH    a file, added to\n"
"                        written as JSON lines; as text for people if PATH ends in\n"
"                        .txt or stdout is a terminal; DEST,FORMAT says it explicitly:\n"
"                        json, logfmt, text, pretty, or raw (lines as they were read)\n"
"    -d, --dead FILE     append lines that cannot be parsed or delivered to FILE,\n"
"                        as JSON with the reason; without it they are counted\n"
"    -f, --format F      auto (default): find out for each line what it is: JSON, logfmt,\n"
"                        syslog, an access log, CRI, dpkg's and apt's logs, or plain text;\n"
"                        json, logfmt, syslog, access, cri: what is not is unparsable;\n"
"                        plain: look for nothing but the level\n"
"        --follow        do not stop at the end of files: wait for more\n"
"\n"
"Ctrl-C (or SIGTERM) stops reading; what has been read is delivered.  A second one\n"
"stops at once, with exit status 130; the state bears that.  SIGHUP reads the\n"
"configuration again; if it is refused, the old one goes on.\n"
"\n"
"examples:\n"
"    weft-pipeline run -c /etc/weft-pipeline.yaml\n"
"    weft-pipeline run --level error /var/log/*.log\n"
"    tail -f app.log | weft-pipeline run -o stdout -o append:all.jsonl -\n"
"    weft-pipeline run -o file:a.jsonl -o file:a.txt --dead bad.jsonl app.jsonl\n";

struct run {
	const char	*config, *listen;
	struct weft_pipeline_options pipeline;
	struct weft_source_options source;
	const char	**outputs, *dead, *level;
	int		  noutputs;
	const char	*flag;		/* the first one that only goes without a configuration */
	int		  progress;	/* 1, 0, or -1: as the terminal is */
	bool		  quiet;
	weft_pipeline	 *p;
	weft_ctx	 *ctx;		/* cancelled: stop */
};

/* Those that go with a configuration, too. */
static int
common_option(struct run *r, int c, char **argv)
{
	const char *why;
	uint64_t n;

	switch (c) {
	case 'c':
		r->config = optarg;
		return 0;
	case 's':
		r->pipeline.state = optarg;
		return 0;
	case 'w':
		if (!command_number(optarg, 1, 10000, &n))
			return command_misuse("the number of workers must be 1 to 10000, not",
			    optarg);
		r->pipeline.workers = n;
		return 0;
	case 'D':
		why = unit_duration(optarg, &r->pipeline.drain);
		if (why)
			return command_misuse("a duration is 30s or 200ms, not", optarg);
		return 0;
	case 'L':
		r->listen = optarg;
		return 0;
	case 'H':
		r->pipeline.host = optarg;
		return 0;
	case 'u':
		r->pipeline.unordered = true;
		return 0;
	case 'q':
		r->quiet = true;
		return 0;
	case 'p':
	case 'P':
		r->progress = c == 'p';
		return 0;
	}
	return command_bad_option(c, argv);
}

static int
run_option(struct run *r, int c, char **argv)
{
	static const char *const names[] = {
		['l'] = "--level", ['f'] = "--format", ['o'] = "--output", ['d'] = "--dead",
		['F'] = "--follow",
	};

	switch (c) {
	case 'l':
		r->level = optarg;
		if (weft_level_parse(optarg) < 0)
			return command_misuse("the level must be trace, debug, info, warn, error "
			    "or fatal, not", optarg);
		break;
	case 'f':
		r->source.format = weft_line_format_parse(optarg);
		if (r->source.format < 0 || r->source.format == WEFT_LINE_REGEX)
			return command_misuse("the format must be auto, json, plain, logfmt, "
			    "syslog, access or cri, not", optarg);
		break;
	case 'o':
		r->outputs[r->noutputs++] = optarg;
		break;
	case 'd':
		r->dead = optarg;
		break;
	case 'F':
		r->source.once = false;
		break;
	default:
		return common_option(r, c, argv);
	}
	r->flag = r->flag ? r->flag : names[c];
	return 0;
}

static bool
wants_progress(const struct run *r)
{
	if (r->progress >= 0)
		return r->progress;
	if (r->config || !isatty(STDERR_FILENO))
		return false;
	for (int i = 0; i < r->noutputs; i++)	/* they would write over each other */
		if (strncmp(r->outputs[i], "stdout", 6) == 0 && isatty(STDOUT_FILENO))
			return false;
	return true;
}

/* What the command line says goes before the configuration. */
static void
override(struct config *c, const struct weft_pipeline_options *o)
{
	c->options.state = o->state ? o->state : c->options.state;
	c->options.workers = o->workers ? o->workers : c->options.workers;
	c->options.host = o->host ? o->host : c->options.host;
	c->options.drain = o->drain ? o->drain : c->options.drain;
	c->options.unordered |= o->unordered;
	c->options.ready = o->ready;
}

static weft_pipeline *
build(const struct run *r, struct buf *err)
{
	struct config *c = config_load(r->config);
	weft_pipeline *p;

	override(c, &r->pipeline);
	c->listen = r->listen ? r->listen : c->listen;
	config_build(c, &p, err);
	config_free(c);
	return p;
}

static void
stop(void *arg)
{
	struct run *r = arg;

	notify_send("STOPPING=1");
	command_say("stopping; what has been read is still delivered (again: stop at once)");
	weft_cancel(r->ctx);
}

static void
reload(void *arg)
{
	struct run *r = arg;
	struct buf err = { 0 };
	weft_pipeline *next;

	notify_reloading();
	next = build(r, &err);
	if (next && weft_pipeline_reload(r->p, next)) {
		buf_printf(&err, "%s\n", weft_pipeline_error(next));
		weft_pipeline_free(next);
		next = NULL;
	}
	if (next)
		command_say("%s is read again and in force", r->config);
	else
		command_say("%s is refused; the old configuration goes on\n%.*s", r->config,
		    err.len ? (int)err.len - 1 : 0, buf_str(&err));
	notify_send("READY=1");		/* as the one or as the other */
	buf_finish(&err);
}

/* Which file or output it was has been told. */
static void
say_why(const struct run *r, int err)
{
	if (*weft_pipeline_error(r->p))
		command_say("%s", weft_pipeline_error(r->p));
	else
		command_say("not everything could be read or delivered: %s", strerror(-err));
}

static void
ready(void *arg)
{
	(void)arg;
	notify_send("READY=1");
}

static int
finish(const struct run *r, int err)
{
	bool balanced = weft_pipeline_balanced(r->p);
	char *text = xmalloc(REPORT);

	if (err)
		say_why(r, err);
	weft_pipeline_report(r->p, text, REPORT);
	if (!r->quiet || err || !balanced)
		dprintf(STDERR_FILENO, "%s", text);
	free(text);
	return err || !balanced;
}

static int
run_pipeline(struct run *r)
{
	weft_ctx *life = weft_with_cancel(NULL);
	struct signals signals = { stop, r->config ? reload : NULL, r };
	weft_waitgroup helpers = { 0 };
	int err = signals_catch(r->config);

	if (err) {
		command_say("cannot catch signals: %s", strerror(-err));
		weft_ctx_free(life);
		return 1;
	}
	r->ctx = weft_with_cancel(NULL);
	weft_waitgroup_go(&helpers, signals_watch, life, &signals);
	weft_waitgroup_go(&helpers, notify_watch, life, r->p);
	if (wants_progress(r))
		weft_waitgroup_go(&helpers, progress_run, life, r->p, STDERR_FILENO);
	err = weft_pipeline_run(r->ctx, r->p);
	weft_cancel(life);
	weft_waitgroup_wait(&helpers);
	weft_ctx_free(life);
	weft_ctx_free(r->ctx);
	return finish(r, err);
}

static int
run_files(struct run *r, char **files)
{
	char where[32];
	int status;

	r->p = weft_pipeline_new(&r->pipeline);
	if (r->listen)
		weft_pipeline_listen(r->p, r->listen);
	status = flags_sources(r->p, files, &r->source);
	if (!status && r->level) {
		snprintf(where, sizeof(where), "level >= %s", weft_level_name(
		    weft_level_parse(r->level)));
		if (weft_pipeline_where(r->p, "level", where))
			status = flags_failed(r->p, -EINVAL);
	}
	if (r->noutputs == 0)
		r->outputs[r->noutputs++] = "stdout";
	for (int i = 0; i < r->noutputs && !status; i++)
		status = flags_output(r->p, r->outputs[i], files);
	if (!status && r->dead)
		status = flags_dead(r->p, r->dead, files);
	if (!status)
		status = run_pipeline(r);
	weft_pipeline_free(r->p);
	return status;
}

static int
run_config(struct run *r, char **files)
{
	struct buf err = { 0 };
	int status = 1;

	if (*files)
		return command_misuse("a configuration names its sources; what is", *files);
	if (r->flag)
		return command_misuse("this option does not go with a configuration:", r->flag);
	r->p = build(r, &err);
	if (r->p)
		status = run_pipeline(r);
	else
		dprintf(STDERR_FILENO, "%s", buf_str(&err));
	weft_pipeline_free(r->p);
	buf_finish(&err);
	return status;
}

int
cmd_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", 1, NULL, 'c' }, { "state", 1, NULL, 's' },
		{ "level", 1, NULL, 'l' }, { "workers", 1, NULL, 'w' },
		{ "format", 1, NULL, 'f' }, { "output", 1, NULL, 'o' },
		{ "dead", 1, NULL, 'd' }, { "host", 1, NULL, 'H' },
		{ "drain", 1, NULL, 'D' }, { "follow", 0, NULL, 'F' },
		{ "listen", 1, NULL, 'L' },
		{ "unordered", 0, NULL, 'u' }, { "quiet", 0, NULL, 'q' },
		{ "progress", 0, NULL, 'p' }, { "no-progress", 0, NULL, 'P' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	struct run r = { .progress = -1, .source.once = true, .pipeline.ready = ready };
	int c, status = 0;

	r.outputs = xcalloc(argc + 1, sizeof(*r.outputs));
	while (!status && (c = getopt_long(argc, argv, ":c:s:l:w:f:o:d:qh", options, NULL)) != -1) {
		if (c == 'h') {
			free(r.outputs);
			return command_print("%s", help);
		}
		status = run_option(&r, c, argv);
	}
	if (!status && !r.config && optind == argc) {
		command_say("no input: name a configuration (-c), or files, or - for standard "
		    "input; see weft-pipeline run --help");
		status = 2;
	}
	if (!status)
		status = r.config ? run_config(&r, argv + optind) : run_files(&r, argv + optind);
	free(r.outputs);
	return status;
}
