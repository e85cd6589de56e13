/*
 * faults.h - the program, run under load while everything around it goes wrong
 *
 *	lab.c    a directory, a configuration, and the program in it: start, signal, wait
 *	load.c   generated logs that grow at a pace, in pieces, and are rotated meanwhile
 *	judge.c  what is in the outputs, by weft_verify; what is in the ledger, by its database
 *	inject.c an object to preload, which makes system calls fail, end the process, or lie
 *	far.c    servers that take lines, and go away
 *
 * A test makes a lab, starts the program (build/MODE/weft-pipeline, or what the variable
 * FAULTS_PROGRAM says) and loads, does harm, waits until the ledger says that everything was
 * read, ends the program and judges.  Waiting is asking again, up to a limit that only a
 * hanging program reaches.  Choices come from a seed, which is printed; FAULTS_SEED repeats it.
 */
#ifndef WEFT_PIPELINE_FAULTS_H
#define WEFT_PIPELINE_FAULTS_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "pipeline/pipeline.h"
#include "weft/sync.h"
#include "weft/testing.h"
#include "weft/time.h"

#define LIMIT	(60 * WEFT_SECOND)	/* what takes longer hangs */
#define MORE_ENV 8
#define LOADS 8

struct load;

struct lab {
	char	 dir[200], program[400];
	uint64_t seed, state;		/* of the dice */
	pid_t	 pid;			/* 0: does not run */
	int	 starts;
	char	*env[MORE_ENV + 1];	/* for the next start: NAME=VALUE */
	int	 nenv;
	struct load *loads[LOADS];
	int	 nloads;
	weft_mutex lock;		/* paths, by name: lab_path's */
	struct map paths;
};

/* A lab lasts as long as its test, and its loads as long as it. */
struct lab *lab_new(void);
const char *lab_path(struct lab *l, const char *name);	/* lasts as long as the lab */
void	lab_config(struct lab *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	lab_env(struct lab *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	lab_clear_env(struct lab *l);
void	lab_preload(struct lab *l);		/* inject.so, whose variables follow */
void	lab_start(struct lab *l);
void	lab_await_up(struct lab *l);		/* it catches signals */
/* -signal, or its exit status. */
int	lab_wait(struct lab *l);
bool	lab_ended(struct lab *l, int *status);	/* without waiting */
void	lab_signal(struct lab *l, int sig);
void	lab_kill(struct lab *l);		/* -9 */
void	lab_stop(struct lab *l);		/* SIGTERM; CHECKs that it ends well */
bool	lab_said(struct lab *l, const char *text);
uint64_t lab_said_times(struct lab *l, const char *text);
void	lab_await_said(struct lab *l, const char *text, uint64_t times);
uint64_t dice(struct lab *l, uint64_t sides);	/* 0 to sides - 1 */
void	lab_sleep(struct lab *l, int64_t most);	/* up to so long */

/* A log that is written.  Set what is in the first part. */
struct load {
	const char	*name;		/* in the lab's directory */
	struct weft_gen_options gen;
	uint64_t	 speed;		/* bytes a second; 0: any */
	int64_t		 rotate;	/* every so often; 0: never */
	int		 keep;		/* rotated ones: NAME.1 is the youngest; 0: all, the
					   first is NAME.000001 */
	bool		 copytruncate;
	/* load.c's */
	struct lab	*lab;
	char		*data;
	size_t		 len, at;
	int		 fd, rotations;
	uint64_t	 dice;
	uint64_t	 cut_away;	/* bytes truncated that may not have been read */
	_Atomic bool	 over, stop;
	weft_waitgroup	 running;
};
struct load *load_new(struct lab *l, const struct load *v);
void	load_start(struct load *v);		/* by a goroutine */
void	load_finish(struct load *v);		/* waits until all is written */
void	load_write(struct load *v);		/* here: all that is left, at once */
size_t	load_piece(struct load *v, size_t most); /* appends a piece */
void	load_rotate(struct load *v);		/* at the end of a line */
void	load_free(struct load *v);		/* when its lab ends */

/* The ledger's rows in the state directory NAME of the lab. */
struct sums {
	uint64_t rows, read, expected, delivered, filtered, dead, sampled, limited, repeated, full,
		 spilled, bytes, lost;
	uint64_t unbalanced;		/* rows */
	uint64_t waiting;		/* parcels in disk queues */
};
/* source, output NULL: of all.  False: it cannot be read now. */
bool	ledger_sums(struct lab *l, const char *source, const char *output, struct sums *out);
void	await_read(struct lab *l, const char *source, const char *output, uint64_t lines);
void	await_quiet(struct lab *l);		/* until nothing more is read for a while */
/* Every row is balanced, and nothing waits; left: but for outputs that are gone. */
void	check_balanced(struct lab *l, bool left);
void	check_read(struct lab *l, const char *source, const char *output, uint64_t lines);

/* What the files that match say; patterns may be several, with blanks between. */
void	verify_files(struct lab *l, const char *patterns, int level,
	    struct weft_verify_counts *out);
/* ... none lost, doubled or torn, and there are some. */
void	check_verify(struct lab *l, const char *patterns, int level);
uint64_t size_of_files(struct lab *l, const char *pattern);
uint64_t gen_kept(const struct weft_gen_options *gen, int level); /* lines of that level or above */

/* They wait more than they work. */
#define FAULT(name)	TEST(name, .parallel = true, .timeout = 900 * WEFT_SECOND)

/* Short forms for make check, tiny ones for sanitizers. */
static inline uint64_t
by_form(uint64_t all, uint64_t small, uint64_t tiny)
{
	return getenv("FAULTS_TINY") ? tiny : weft_short() ? small : all;
}

#endif
