/*
 * rotate.h - rotated files: PATH.1 is the youngest, then PATH.2 and so on
 *
 * Compressed ones are PATH.1.gz or PATH.1.zst.  A number is free when no such file has it; to
 * make room for a new PATH.1 the files up to the first free number move up by one.
 */
#ifndef WEFT_PIPELINE_ROTATE_H
#define WEFT_PIPELINE_ROTATE_H

#include <stdatomic.h>

#include "compress.h"
#include "outfile.h"
#include "weft/sync.h"

/* What renames and what compresses take turns; everything else is the output's alone. */
struct rotator {
	weft_mutex	 names;		/* the names of all rotated files: held for renames only */
	int		 keep;		/* 0: all */
	struct compressor compressor;	/* of the compressing goroutine */
	weft_waitgroup	 working;
	atomic_bool	 busy, stop;
	atomic_int	 error;		/* the last one; 0: it went well */
};

/* PATH becomes PATH.1, what is older moves up or goes. */
int	rotate_away(struct rotator *r, const char *path, struct buf *why);
/*
 * Compresses those of PATH.1, ... that are there and plain, for each of paths (struct rotate_job,
 * taken), in a goroutine of its own.  No saved state may name one of these files.  Files that
 * are rotated from now on are none of its business: a state may name them.  Not while busy.
 */
struct rotate_job { struct list at; char *path; struct file_key key; };
void	rotate_compress(struct rotator *r, struct list *paths);
void	rotate_finish(struct rotator *r);	/* waits for it; half a file is thrown away */

/* The file in PATH's directory that is key, by whatever name: xmalloc, NULL if there is none. */
char	*rotate_find(const char *path, const struct file_key *key);

#endif
