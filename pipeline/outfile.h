/*
 * outfile.h - one file of an output: identity, lock, whole records, and how far it is safe
 *
 * Every call that changes something on disk first asks outfile_hooks, so that tests can
 * stop the world before each of them, let a write take half, or fail like a disk that is full.
 */
#ifndef WEFT_PIPELINE_OUTFILE_H
#define WEFT_PIPELINE_OUTFILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/list.h"

struct outfile_hooks {
	/* 0: go on; 1: as if done; negative: it fails so.  n: may be made less (write) */
	int	(*before)(const char *what, size_t *n);
	int64_t	(*now)(void);
};
extern struct outfile_hooks outfile_hooks;
int	outfile_before(const char *what, size_t *n);
int64_t	outfile_now(void);			/* ns since 1970 */

/* What a file is, whatever its name.  Inodes are used again: the time of birth tells. */
struct file_key { uint64_t dev, ino; int64_t btime; };	/* btime 0: not known */

struct outfile {
	struct list	 recent;		/* sink_file.c's: least recently used first */
	char		*path;
	struct file_key	 key;
	int		 fd;			/* -1: closed */
	bool		 regular;		/* else: a device, a pipe; most below means nothing */
	bool		 listed;		/* by ours_add, as dev and key.ino */
	dev_t		 dev;
	bool		 committed;		/* a saved state names it */
	bool		 broken_line;		/* a newline is missing at its end */
	bool		 torn;			/* there is something behind len, to be cut off */
	bool		 doubt;			/* an fsync failed: bytes from synced on may be lost */
	uint64_t	 len;			/* where its last whole record ends */
	uint64_t	 mark;			/* and did before the parcel that is being written */
	uint64_t	 synced;		/* bytes that are on disk */
	uint64_t	 started;		/* and on their way there */
	int64_t		 sync_at;		/* when they were, ns */
	int64_t		 begun, used;		/* ns since 1970 */
	struct buf	 pending;		/* records to be compressed together */
	size_t		 part;			/* not regular: of a record that has gone */
};

bool	file_key_equal(const struct file_key *a, const struct file_key *b);
/* Of a descriptor, or if fd is negative of a path. */
int	file_key_get(int fd, const char *path, struct file_key *key, struct buf *err);

/*
 * Opens f->path to append to it, makes it and its directory if need be, and locks it.  Fills in
 * the rest of f; what f knew of the file before stays if it is the same one.  -EBUSY: another
 * output, here or elsewhere, writes it.
 */
int	outfile_open(struct outfile *f, unsigned mode, struct buf *why);
/* All n bytes at the end, or an error, and then what was written is *taken. */
int	outfile_put(int fd, const void *p, size_t n, size_t *taken);
/* Cuts off what is behind len. */
int	outfile_cut(struct outfile *f);
/* Sends what has piled up on its way to the disk, so that the next sync is a short one. */
void	outfile_start_sync(struct outfile *f);
int	outfile_sync(struct outfile *f);
void	outfile_close(struct outfile *f);	/* the descriptor */
void	outfile_free(struct outfile *f);

int	outfile_sync_dir(const char *path);	/* of the directory that path is in */
char	*outfile_dir(const char *path);		/* xmalloc */
const char *outfile_base(const char *path);

#endif
