/*
 * cmd_top.c - weft-pipeline top: a pipeline that runs, looked at once a second
 *
 * The terminal is given back as it was on every way out, a signal included.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "command.h"
#include "fdio.h"
#include "target.h"
#include "top.h"
#include "weft/net.h"

static const char help[] =
"usage: weft-pipeline top [-c CONFIG | -s DIR] [-1 | -j]\n"
"\n"
"Shows a running pipeline, once a second: memory, disk queues, and the rates of every\n"
"source, step, output and worker; how full the queues are, for which output all the others\n"
"have to wait, which output fails and why, and whether every line is accounted for.\n"
"q or Ctrl-C ends it.\n"
"\n"
TARGET_HELP
"    -1, --once          print one table and end; so it is, too, when standard output is\n"
"                        no terminal.  Rates are then those since the start\n"
"    -j, --json          print all numbers once, as a JSON object\n"
"\n"
"Exit status: 0, or 1 when no such pipeline runs, 2 wrong usage.\n";

#define ENTER	"\033[?1049h\033[?25l"	/* the other screen, no cursor */
#define LEAVE	"\033[?25h\033[?1049l"

static struct termios before;
static bool changed;

/* Of functions that a signal handler may call. */
static void
restore(void)
{
	if (changed && write(STDOUT_FILENO, LEAVE, sizeof(LEAVE) - 1) > 0)
		changed = false;
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void
on_signal(int sig)
{
	restore();
	_exit(sig == SIGINT ? 0 : 128 + sig);
}

static bool
take_terminal(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return false;
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &sa, NULL);
	t = before;
	t.c_lflag &= ~(ICANON | ECHO);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	changed = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
	return changed && write(STDOUT_FILENO, ENTER, sizeof(ENTER) - 1) > 0;
}

static void
size_of_terminal(int *rows, int *cols)
{
	struct winsize w = { 0 };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
	*rows = w.ws_row > 0 ? w.ws_row : 24;
	*cols = w.ws_col > 0 ? w.ws_col : 80;
}

/* A second, or less when a key is pressed; true: it was the one to end. */
static bool
wants_to_end(void)
{
	weft_ctx *second = weft_with_timeout(NULL, WEFT_SECOND);
	char key = 0;
	int got = weft_wait_fd(second, STDIN_FILENO, POLLIN);

	weft_ctx_free(second);
	if (got <= 0)
		return got != -ETIMEDOUT;
	return read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q' || key == 3;
}

static int
show(const struct snapshot *now, const struct snapshot *last)
{
	struct buf screen = { 0 };
	size_t done;
	int rows, cols, err;

	size_of_terminal(&rows, &cols);
	buf_adds(&screen, "\033[H");
	top_draw(now, last, rows - 1, cols, true, &screen);
	buf_adds(&screen, "\033[J");
	err = fdio_write(STDOUT_FILENO, screen.data, screen.len, &done);
	buf_finish(&screen);
	return err;
}

static int
watch(const struct target *t, struct snapshot *last)
{
	struct snapshot now;
	struct buf why = { 0 };
	int err = 0;

	if (!take_terminal()) {
		restore();
		command_say("standard input is no terminal; see --once");
		return 1;
	}
	show(last, NULL);
	while (!wants_to_end() && !err) {
		err = target_snapshot(t, &now, &why);
		if (err)
			break;
		err = show(&now, last);
		snapshot_finish(last);
		*last = now;
	}
	restore();
	if (why.len)
		command_say("%s", buf_str(&why));
	buf_finish(&why);
	return err ? 1 : 0;
}

static int
print_once(const struct snapshot *now, bool json)
{
	struct buf out = { 0 };
	int status;

	if (json)
		snapshot_json(now, &out);
	else
		top_draw(now, NULL, 0, 200, false, &out);
	status = command_print("%s", buf_str(&out));
	buf_finish(&out);
	return status;
}

static int
top(const struct target *t, bool once, bool json)
{
	struct snapshot first;
	struct buf why = { 0 };
	int status = 1;

	if (target_snapshot(t, &first, &why)) {
		command_say("%s", buf_str(&why));
	} else {
		status = once || json || !isatty(STDOUT_FILENO) ? print_once(&first, json) :
		    watch(t, &first);
		snapshot_finish(&first);
	}
	buf_finish(&why);
	return status;
}

int
cmd_top(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", 1, NULL, 'c' }, { "state", 1, NULL, 's' }, { "once", 0, NULL, '1' },
		{ "json", 0, NULL, 'j' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	struct target t = { 0 };
	bool once = false, json = false;
	int c, status;

	while ((c = getopt_long(argc, argv, ":c:s:1jh", options, NULL)) != -1)
		switch (c) {
		case 'c':
			t.config = optarg;
			break;
		case 's':
			t.state = optarg;
			break;
		case '1':
			once = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return command_print("%s", help);
		default:
			return command_bad_option(c, argv);
		}
	if (optind < argc)
		return command_misuse("top takes options only, not", argv[optind]);
	status = target_find(&t, true);
	if (!status)
		status = top(&t, once, json);
	target_finish(&t);
	return status;
}
