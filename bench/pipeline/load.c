/*
 * load.c - puts a load on a log pipeline, and measures what that costs it
 *
 *	load file    -o OUTPUT -n LINES -- COMMAND...	until OUTPUT has so many lines
 *	load tcp     -a ADDRESS -o OUTPUT -n LINES FILE... -- COMMAND...
 *	load stalled -a ADDRESS -- COMMAND...		a server there never reads
 *	load idle    -- COMMAND...
 *	load latency -i INPUT -o OUTPUT -r BYTES -s SECONDS -- COMMAND...
 *
 * Prints one line: "seconds S cpu S peak KIB", and what else was measured.  The time begins
 * when the program is started or, if lines are sent to it, with the first; it ends with the
 * last write to the output.  Exit status 1 when the lines did not come, or it crashed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"
#include "weft/net.h"
#include "weft/sync.h"

#define TICK	(2 * WEFT_MS)
#define QUIET	(2 * WEFT_SECOND)	/* no work for so long: it waits */
#define BLOCK	(64 << 10)

void
say(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dprintf(STDERR_FILENO, "load: %s\n", text);
}

bool
start(struct meter *m, const struct job *j)
{
	int err = meter_start(m, j->command);

	if (err)
		say("cannot start %s: %s", j->command[0], strerror(-err));
	return !err;
}

bool
is_late(struct meter *m, const struct job *j)
{
	return wall_now() - m->started > j->timeout;
}

int
finish(struct meter *m, double took, bool done, const char *more)
{
	bool crashed;

	meter_stop(m);
	crashed = WIFSIGNALED(m->status) && WTERMSIG(m->status) != SIGTERM && !m->killed;
	if (crashed)
		say("it was ended by signal %d", WTERMSIG(m->status));
	printf("seconds %.3f cpu %.3f peak %ld%s\n", took, m->cpu, m->peak, more);
	return !done || crashed;
}

/* Until the output has the lines; the time since started. */
static int
wait_for_lines(struct meter *m, const struct job *j, int64_t started)
{
	struct watch w = { .path = j->output };
	bool done = false;

	while (!done && !is_late(m, j)) {
		bool ended = m->ended;

		weft_sleep(TICK);
		meter_look(m);
		done = watch_lines(&w, j->lines, ended);
		if (ended && !done)
			break;
	}
	if (!done)
		say("%s has %lld of %lld lines%s", j->output, (long long)w.lines,
		    (long long)j->lines, m->ended ? ", and the program has ended" : "");
	return finish(m, (w.grown - started) / 1e9, done, "");
}

static int
load_file(const struct job *j)
{
	struct meter m;

	return start(&m, j) ? wait_for_lines(&m, j, m.started) : 1;
}

/* A connection to a program that is just starting. */
static weft_conn *
dial(struct meter *m, const struct job *j)
{
	weft_conn *c;
	int err;

	while ((err = weft_dial(NULL, j->address, &c)) && !m->ended && !is_late(m, j)) {
		weft_sleep(TICK);
		meter_look(m);
	}
	if (err)
		say("cannot connect to %s: %s", j->address, strerror(-err));
	return err ? NULL : c;
}

struct sender { weft_conn *conn; const char *path; int error; };

static void
send_file(struct sender *s)
{
	char *block = malloc(BLOCK);
	int fd = open(s->path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : 0, put = 0;

	while (fd >= 0 && put >= 0 && (n = read(fd, block, BLOCK)) > 0)
		put = weft_write(NULL, s->conn, block, n);
	s->error = n < 0 ? n : put < 0 ? put : 0;
	if (s->error)
		say("sending %s: %s", s->path, strerror(-s->error));
	if (fd >= 0)
		close(fd);
	free(block);
	weft_conn_close(s->conn);
}

static int
load_tcp(const struct job *j)
{
	struct sender *senders = calloc(j->nfiles, sizeof(*senders));
	weft_waitgroup sending = { 0 };
	struct meter m;
	int64_t started;
	int failed;

	if (!start(&m, j))
		return 1;
	for (int i = 0; i < j->nfiles; i++) {
		senders[i].path = j->files[i];
		senders[i].conn = dial(&m, j);
		if (!senders[i].conn)
			return finish(&m, 0, false, "");
	}
	started = wall_now();
	for (int i = 0; i < j->nfiles; i++)
		weft_waitgroup_go(&sending, send_file, &senders[i]);
	failed = wait_for_lines(&m, j, started);
	weft_waitgroup_wait(&sending);
	free(senders);
	return failed;
}

/* Until it has used no more than a hundredth of a CPU for a while. */
static int
wait_for_quiet(struct meter *m, const struct job *j)
{
	int64_t since = wall_now();
	double cpu = 0;

	while (wall_now() - since < QUIET && !is_late(m, j) && !m->ended) {
		weft_sleep(10 * TICK);
		meter_look(m);
		if (m->cpu - cpu > QUIET / 1e9 / 100) {
			cpu = m->cpu;
			since = wall_now();
		}
	}
	if (m->ended)
		say("the program has ended");
	return finish(m, (since - m->started) / 1e9, !m->ended && !is_late(m, j), "");
}

static int
load_idle(const struct job *j)
{
	struct meter m;

	return start(&m, j) ? wait_for_quiet(&m, j) : 1;
}

/* They stay open, and nothing is read from them, until we end. */
static void
accept_all(weft_listener *l)
{
	weft_conn *c;

	while (weft_accept(NULL, l, &c) == 0)
		;
}

static int
load_stalled(const struct job *j)
{
	weft_listener *l;
	int err = weft_listen(NULL, j->address, &l);

	if (err) {
		say("cannot listen on %s: %s", j->address, strerror(-err));
		return 1;
	}
	weft_go(accept_all, l);
	return load_idle(j);
}

static int
usage(void)
{
	say("load file|tcp|stalled|idle|latency [-o OUTPUT] [-n LINES] [-a ADDRESS] [-i INPUT]"
	    " [-r BYTES] [-s SECONDS] [-t TIMEOUT] [FILE...] -- COMMAND...");
	return 2;
}

static bool
parse(int argc, char **argv, struct job *j)
{
	int i = 2;

	for (; i + 1 < argc && argv[i][0] == '-' && argv[i][1] != '-'; i += 2)
		switch (argv[i][1]) {
		case 'o': j->output = argv[i + 1]; break;
		case 'i': j->input = argv[i + 1]; break;
		case 'a': j->address = argv[i + 1]; break;
		case 'n': j->lines = atoll(argv[i + 1]); break;
		case 'r': j->rate = atoll(argv[i + 1]); break;
		case 's': j->seconds = atoll(argv[i + 1]); break;
		case 't': j->timeout = atoll(argv[i + 1]) * WEFT_SECOND; break;
		default: return false;
		}
	j->files = argv + i;
	while (i < argc && strcmp(argv[i], "--") != 0)
		i++;
	j->nfiles = argv + i - j->files;
	j->command = argv + i + 1;
	return i + 1 < argc;
}

int
weft_main(int argc, char **argv)
{
	static const struct { const char *name; int (*f)(const struct job *); } kinds[] = {
		{ "file", load_file }, { "tcp", load_tcp }, { "stalled", load_stalled },
		{ "idle", load_idle }, { "latency", load_latency },
	};
	struct job j = { .timeout = 120 * WEFT_SECOND, .rate = 10000000, .seconds = 5 };

	if (argc < 2 || !parse(argc, argv, &j))
		return usage();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			return kinds[i].f(&j);
	return usage();
}
