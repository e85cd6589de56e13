/*
 * main.c - weft-pipeline, the program: finds the command
 *
 * Exit status: 0 all is well, 1 something went wrong, 2 it was called wrongly, 128 + signal after
 * the second signal.  Summaries and messages go to standard error, log lines to the outputs.
 */
#include <getopt.h>
#include <string.h>
#include <sys/resource.h>

#include "command.h"
#include "complaints.h"
#include "weft/weft.h"

#ifndef WEFT_VERSION
#define WEFT_VERSION "0.1"
#endif

static const struct command {
	const char *name, *arguments, *what;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", "-c CONFIG | FILE...", "read, process and deliver", cmd_run },
	{ "check", "-c CONFIG", "would this configuration run?", cmd_check },
	{ "test", "-c CONFIG", "run the tests in a configuration", cmd_test },
	{ "pipe", "[options] [FILE...]", "a pipeline in one line of the shell", cmd_pipe },
	{ "ledger", "-c CONFIG", "what has become of every line; does it balance?", cmd_ledger },
	{ "top", "-c CONFIG", "watch a pipeline that runs", cmd_top },
	{ "tap", "-c CONFIG STEP", "watch lines as they pass a step", cmd_tap },
	{ "dead", "ls|replay -c CONFIG", "dead letters: count them, send them again", cmd_dead },
	{ "gen", "--lines N [options]", "generate a log to test with", cmd_gen },
	{ "verify", "FILE...", "find generated lines that are missing", cmd_verify },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int
help(void)
{
	command_print("weft-pipeline - reads logs, filters and enriches them, and delivers every "
	    "line\n\nusage:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		command_print("    weft-pipeline %-7s %-20s %s\n", commands[i].name,
		    commands[i].arguments, commands[i].what);
	return command_print("    weft-pipeline COMMAND --help       all about one command\n"
	    "    weft-pipeline --version\n"
	    "\n"
	    "examples:\n"
	    "    weft-pipeline run --level warn -o stdout -o file:warn.jsonl /var/log/*.log\n"
	    "    weft-pipeline run -c /etc/weft-pipeline.yaml\n"
	    "    tail -f app.log | weft-pipeline pipe --where 'level >= error' -o logfmt\n"
	    "\n"
	    "exit status: 0 all is well; 1 something could not be read or delivered, or the\n"
	    "account does not balance; 2 wrong usage; 130 after the second Ctrl-C.\n");
}

static const char *
command_at(const void *arg, int i)
{
	(void)arg;
	return i < (int)COMMANDS ? commands[i].name : NULL;
}

static int
no_command(const char *name)
{
	const char *near = meant(name, command_at, NULL);

	if (*name == '-')
		return command_misuse("there is no option", name);
	if (!near)
		return command_misuse("there is no command", name);
	command_say("there is no command '%s'; did you mean %s?", name, near);
	return 2;
}

/* Each file and each connection is a descriptor; the soft limit is for programs with select(2). */
static void
raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

int
weft_main(int argc, char **argv)
{
	raise_limit();
	if (argc < 2) {
		command_say("what to do? see weft-pipeline --help");
		return 2;
	}
	if (strcmp(argv[1], "--version") == 0)
		return command_print("weft-pipeline " WEFT_VERSION "\n");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help();
	opterr = 0;
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			command_name = commands[i].name;
			return commands[i].run(argc - 1, argv + 1);
		}
	return no_command(argv[1]);
}
