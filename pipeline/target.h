/*
 * target.h - the pipeline that a command is about: one that runs, or the state it has left
 *
 * Commands take -c CONFIG or --state DIR; without either it is the configuration of the system's
 * service.  Messages are said here, in the command's name.
 */
#ifndef WEFT_PIPELINE_TARGET_H
#define WEFT_PIPELINE_TARGET_H

#include "config.h"
#include "snapshot.h"

#define TARGET_CONFIG "/etc/weft-pipeline.yaml"

struct target {
	const char	*config, *state;	/* as on the command line, or NULL */
	struct config	*c;			/* NULL: only the state is known */
	const char	*dir;			/* the state directory; NULL: it has none */
};

/* 0, or the exit status.  need_state: a target without a state directory is an error. */
int	target_find(struct target *t, bool need_state);
void	target_finish(struct target *t);
/* A snapshot of the running process: 0, -ENOENT: none runs; else an error, and why. */
int	target_snapshot(const struct target *t, struct snapshot *s, struct buf *why);
/* "ledger [-c CONFIG | -s DIR]": what all of them say in --help. */
#define TARGET_HELP \
"    -c, --config FILE   the configuration of the pipeline (default:\n" \
"                        " TARGET_CONFIG ")\n" \
"    -s, --state DIR     its state directory, instead\n"

#endif
