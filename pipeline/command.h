/*
 * command.h - what the commands of weft-pipeline share
 *
 * A command is a function from its arguments, argv[0] being its name, to the exit status: 0 all
 * is well, 1 something went wrong, 2 it was called wrongly.  Messages go to standard error.
 * A new one: a file cmd_NAME.c, a prototype here, and a row in the table of main.c.
 */
#ifndef WEFT_PIPELINE_COMMAND_H
#define WEFT_PIPELINE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

struct option;

int	cmd_check(int argc, char **argv);
int	cmd_dead(int argc, char **argv);
int	cmd_gen(int argc, char **argv);
int	cmd_ledger(int argc, char **argv);
int	cmd_pipe(int argc, char **argv);
int	cmd_run(int argc, char **argv);
int	cmd_tap(int argc, char **argv);
int	cmd_test(int argc, char **argv);
int	cmd_top(int argc, char **argv);
int	cmd_verify(int argc, char **argv);

/* Set by main: "run" and so on, in front of messages. */
extern const char *command_name;

/* "weft-pipeline run: text" */
void	command_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "what 'arg'; see weft-pipeline run --help"; returns 2 */
int	command_misuse(const char *what, const char *arg);
/* To standard output; returns 0, or 1 when it does not take it. */
int	command_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* getopt's complaint (c is ? or :), in our words; returns 2 */
int	command_bad_option(int c, char **argv);

/* A whole number from min to max; false: it is none. */
bool	command_number(const char *text, uint64_t min, uint64_t max, uint64_t *n);
/* The place of text among names, which end with NULL, or -1. */
int	command_choice(const char *text, const char *const *names);

#endif
