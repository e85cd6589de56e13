/*
 * main.c - weft-pipeline, the program
 *
 * Exit status: 0 when every line was accounted for and delivered and every file
 * read, 1 when not, 2 when it was called wrongly, 128 + signal after the second
 * signal.  Summaries and messages go to standard error, log lines to the outputs.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "help.h"
#include "pipeline.h"
#include "progress.h"
#include "weft/net.h"
#include "weft/sync.h"

#ifndef WEFT_VERSION
#define WEFT_VERSION "0.1"
#endif

static const char *command = "";	/* " run" and so on, for messages */

__attribute__((format(printf, 1, 2))) static void
say(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dprintf(STDERR_FILENO, "weft-pipeline%s: %s\n", command, text);
}

static int
misuse(const char *what, const char *arg)
{
	say("%s '%s'; see weft-pipeline%s --help", what, arg, command);
	return 2;
}

static int
print(const char *text)
{
	return dprintf(STDOUT_FILENO, "%s", text) < 0;
}

/* getopt's complaint, in our words. */
static int
bad_option(int c, char **argv)
{
	return misuse(c == ':' ? "a value is missing after" : "there is no option",
	    argv[optind - 1]);
}

/* A whole number from min on; false: it is none. */
static bool
parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *n >= min && *n <= max;
}

static int
parse_name(const char *text, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	return -1;
}

/*
 * Signals.  The first one cancels the context; the second one must work even if
 * everything hangs, so it ends the process right in the handler.
 */
static int stop_pipe[2];

static void
on_signal(int sig)
{
	static volatile sig_atomic_t before;
	int saved = errno;

	if (before || write(stop_pipe[1], "", 1) < 0)
		_exit(128 + sig);
	before = 1;
	errno = saved;
}

static int
catch_signals(void)
{
	struct sigaction stop = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);	/* write tells us with EPIPE */
	return 0;
}

static void
watch_signals(weft_ctx *life, weft_ctx *ctx)
{
	if (weft_wait_fd(life, stop_pipe[0], POLLIN) <= 0)
		return;
	say("stopping; what has been read is still delivered (again: stop at once)");
	weft_cancel(ctx);
}

struct run_options {
	struct weft_pipeline_options pipeline;
	const char	**outputs;
	int		  noutputs;
	int		  progress;	/* 1, 0, or -1: as the terminal is */
	bool		  quiet;
};

static const char *const line_formats[] = { "auto", "json", "plain", NULL };

static int
run_option(struct run_options *o, int c, char **argv)
{
	uint64_t n;

	switch (c) {
	case 'l':
		o->pipeline.level = weft_level_parse(optarg);
		if (o->pipeline.level < 0)
			return misuse("the level must be trace, debug, info, warn, error or "
			    "fatal, not", optarg);
		return 0;
	case 'w':
		if (!parse_number(optarg, 1, 10000, &n))
			return misuse("the number of workers must be 1 to 10000, not", optarg);
		o->pipeline.workers = n;
		return 0;
	case 'f':
		o->pipeline.format = parse_name(optarg, line_formats);
		if (o->pipeline.format < 0)
			return misuse("the format must be auto, json or plain, not", optarg);
		return 0;
	case 'o':
		o->outputs[o->noutputs++] = optarg;
		return 0;
	case 'd':
		o->pipeline.dead = optarg;
		return 0;
	case 'H':
		o->pipeline.host = optarg;
		return 0;
	case 'u':
		o->pipeline.unordered = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'p':
	case 'P':
		o->progress = c == 'p';
		return 0;
	}
	return bad_option(c, argv);
}

static int
add_output(weft_pipeline *p, const char *dest)
{
	int err = weft_pipeline_output(p, dest);

	switch (err) {
	case 0:
		return 0;
	case -EINVAL:
		return misuse("an output is stdout, file:PATH or append:PATH, not", dest);
	case -EEXIST:
		return misuse("there is already an output that writes to", dest);
	case -EBUSY:
		return misuse("this output is also an input; choose another file than", dest);
	}
	say("cannot open %s: %s", dest, strerror(-err));
	return 1;
}

static bool
wants_progress(const struct run_options *o)
{
	if (o->progress >= 0)
		return o->progress;
	if (!isatty(STDERR_FILENO))
		return false;
	for (int i = 0; i < o->noutputs; i++)	/* they would write over each other */
		if (strncmp(o->outputs[i], "stdout", 6) == 0 && isatty(STDOUT_FILENO))
			return false;
	return true;
}

static int
run_pipeline(weft_pipeline *p, const struct run_options *o)
{
	weft_ctx *ctx = weft_with_cancel(NULL), *life = weft_with_cancel(NULL);
	weft_waitgroup helpers = { 0 };
	char report[4096];
	int err;

	weft_waitgroup_go(&helpers, watch_signals, life, ctx);
	if (wants_progress(o))
		weft_waitgroup_go(&helpers, progress_run, life, p, STDERR_FILENO);
	err = weft_pipeline_run(ctx, p);
	weft_cancel(life);
	weft_waitgroup_wait(&helpers);
	weft_ctx_free(ctx);
	weft_ctx_free(life);
	weft_pipeline_report(p, report, sizeof(report));
	if (!o->quiet || err || !weft_pipeline_balanced(p))
		dprintf(STDERR_FILENO, "%s", report);
	return err || !weft_pipeline_balanced(p);
}

static int
run_with(struct run_options *o, char **files)
{
	weft_pipeline *p = weft_pipeline_new(&o->pipeline);
	int status = 0, err = catch_signals();

	if (err) {
		say("cannot catch signals: %s", strerror(-err));
		status = 1;
	}
	for (; *files; files++)
		weft_pipeline_source(p, *files);
	if (o->noutputs == 0)
		o->outputs[o->noutputs++] = "stdout";
	for (int i = 0; i < o->noutputs && !status; i++)
		status = add_output(p, o->outputs[i]);
	if (!status)
		status = run_pipeline(p, o);
	weft_pipeline_free(p);
	return status;
}

static int
run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "level", 1, NULL, 'l' }, { "workers", 1, NULL, 'w' },
		{ "format", 1, NULL, 'f' }, { "output", 1, NULL, 'o' },
		{ "dead", 1, NULL, 'd' }, { "host", 1, NULL, 'H' },
		{ "unordered", 0, NULL, 'u' }, { "quiet", 0, NULL, 'q' },
		{ "progress", 0, NULL, 'p' }, { "no-progress", 0, NULL, 'P' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	struct run_options o = { .progress = -1 };
	int c, status = 0;

	o.outputs = calloc(argc + 1, sizeof(*o.outputs));
	while (!status && (c = getopt_long(argc, argv, ":l:w:f:o:d:qh", options, NULL)) != -1) {
		if (c == 'h') {
			free(o.outputs);
			return print(help_run);
		}
		status = run_option(&o, c, argv);
	}
	if (!status && optind == argc) {
		say("no input: name files, or - for standard input; see weft-pipeline run --help");
		status = 2;
	}
	if (!status)
		status = run_with(&o, argv + optind);
	free(o.outputs);
	return status;
}

static const char *const gen_formats[] = { "json", "syslog", "plain", "mix", NULL };

static int
gen_to(const struct weft_gen_options *o, const char *path)
{
	int fd = STDOUT_FILENO, err;

	signal(SIGPIPE, SIG_IGN);
	if (path && (fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0) {
		say("cannot open %s: %s", path, strerror(errno));
		return 1;
	}
	err = weft_gen(o, fd);
	if (path && close(fd) < 0 && !err)
		err = -errno;
	if (err)
		say("cannot write %s: %s", path ? path : "standard output", strerror(-err));
	return err != 0;
}

static int
gen(int argc, char **argv)
{
	static const struct option options[] = {
		{ "lines", 1, NULL, 'n' }, { "seed", 1, NULL, 's' }, { "source", 1, NULL, 'S' },
		{ "format", 1, NULL, 'f' }, { "output", 1, NULL, 'o' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	struct weft_gen_options o = { .seed = 1, .source = 1, .format = WEFT_GEN_JSON };
	const char *path = NULL;
	uint64_t n = 0;
	int c;

	while ((c = getopt_long(argc, argv, ":n:s:f:o:h", options, NULL)) != -1) {
		bool number = c == 'n' || c == 's' || c == 'S';

		if (number && !parse_number(optarg, 0, c == 'S' ? UINT32_MAX : INT64_MAX, &n))
			return misuse("not a whole number in range:", optarg);
		switch (c) {
		case 'n':
			o.lines = n;
			break;
		case 's':
			o.seed = n;
			break;
		case 'S':
			o.source = n;
			break;
		case 'f':
			o.format = parse_name(optarg, gen_formats);
			if (o.format < 0)
				return misuse("the format must be json, syslog, plain or mix, not",
				    optarg);
			break;
		case 'o':
			path = optarg;
			break;
		case 'h':
			return print(help_gen);
		default:
			return bad_option(c, argv);
		}
	}
	if (optind < argc)
		return misuse("gen takes no files; -o names the one to write, not", argv[optind]);
	if (o.lines == 0) {
		say("how many lines? say --lines N");
		return 2;
	}
	return gen_to(&o, path);
}

static int
verify_files(int level, char **files)
{
	weft_verify *v = weft_verify_new(level);
	struct weft_verify_counts c;
	char findings[8192];
	int failed = 0, err;

	for (; *files; files++) {
		err = weft_verify_file(v, *files);
		if (err) {
			say("cannot read %s: %s", *files, strerror(-err));
			failed = 1;
		}
	}
	weft_verify_end(v, &c, findings, sizeof(findings));
	weft_verify_free(v);
	dprintf(STDOUT_FILENO, "%s%" PRIu64 " lines verified, %" PRIu64 " others; %" PRIu64
	    " lost, %" PRIu64 " doubled, %" PRIu64 " torn, %" PRIu64 " out of order\n",
	    findings, c.lines, c.other, c.lost, c.doubled, c.torn, c.disorder);
	return failed || c.lost || c.doubled || c.torn;
}

static int
verify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "level", 1, NULL, 'l' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	int level = WEFT_LEVEL_TRACE, c;

	while ((c = getopt_long(argc, argv, ":l:h", options, NULL)) != -1)
		switch (c) {
		case 'l':
			level = weft_level_parse(optarg);
			if (level < 0)
				return misuse("there is no level", optarg);
			break;
		case 'h':
			return print(help_verify);
		default:
			return bad_option(c, argv);
		}
	if (optind == argc) {
		say("no input: name the files that should hold every line");
		return 2;
	}
	return verify_files(level, argv + optind);
}

int
weft_main(int argc, char **argv)
{
	static const struct { const char *name, *prefix; int (*f)(int, char **); } commands[] = {
		{ "run", " run", run }, { "gen", " gen", gen }, { "verify", " verify", verify },
	};

	if (argc < 2) {
		say("what to do? run, gen or verify; see weft-pipeline --help");
		return 2;
	}
	if (strcmp(argv[1], "--version") == 0)
		return print("weft-pipeline " WEFT_VERSION "\n");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return print(help_main);
	opterr = 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			command = commands[i].prefix;
			return commands[i].f(argc - 1, argv + 1);
		}
	return misuse(argv[1][0] == '-' ? "there is no option" :
	    "the commands are run, gen and verify; there is no", argv[1]);
}
