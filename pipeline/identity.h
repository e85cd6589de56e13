/*
 * identity.h - is this the file that was read before, and does it hold the same bytes?
 *
 * Names change hands and inodes are used again, so neither is trusted.  A file is the same one if
 * device, inode and time of birth agree; it holds the same bytes if those at its head and those
 * before the place reached are the ones remembered.  Both are needed to go on in it.
 */
#ifndef WEFT_PIPELINE_IDENTITY_H
#define WEFT_PIPELINE_IDENTITY_H

#include "source.h"

/* What the system says about a file. */
struct look {
	uint64_t dev, ino, size;
	int64_t	 btime, mtime;		/* ns; btime 0: not told */
	uint32_t mode, nlink;
};
int	look_path(const char *path, struct look *l);	/* follows links */
int	look_fd(int fd, struct look *l);

uint64_t identity_hash(const void *p, size_t n);
/* Who it is, with the hash of its first bytes, FILE_HEAD at most. */
int	identity_of(int fd, const struct look *l, struct file_id *id);
/* The same file, whatever it holds now. */
bool	identity_same(const struct file_id *id, const struct look *l);

/*
 * Does it hold what was read?  1 if so; 0: no; negative: it cannot be read.  A head and a
 * tail of no bytes prove nothing: then 0, unless the place is the file's beginning.
 */
int	identity_holds(int fd, const struct look *l, const struct file_id *id,
	    const struct place *at);

/* The last bytes before the place that a stream has reached. */
struct trail { uint32_t len; unsigned char last[FILE_TAIL]; };
void	trail_add(struct trail *t, const void *p, size_t n);
uint64_t trail_hash(const struct trail *t);
/* Takes them from the file.  0, or a negative errno; -ESTALE: it is too short. */
int	trail_load(struct trail *t, int fd, uint64_t offset);
/* Are they in the file, before offset?  As identity_holds. */
int	trail_holds(const struct trail *t, int fd, uint64_t offset);

#endif
