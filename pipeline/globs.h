/*
 * globs.h - file names by patterns
 *
 * Patterns as in the shell (* ? [...]), several with blanks between; a backslash takes a
 * character as it is.  Relative ones count from the directory that the process is in when
 * they are read.
 */
#ifndef WEFT_PIPELINE_GLOBS_H
#define WEFT_PIPELINE_GLOBS_H

#include "base/buf.h"
#include "identity.h"

struct globs {
	char	**pattern, **exclude;
	int	 n, nexclude;
};

/* A name that matches, and what is there now. */
struct sight {
	char	*path;
	struct look look;
	bool	 named;			/* in full, not by a pattern */
};
struct sights {
	struct sight *at;
	size_t	n, room;
	int	error;			/* something could not be looked at: not all are here */
	char	*where;			/* that */
};

/* 0, or -EINVAL and a sentence in err. */
int	globs_init(struct globs *g, const char *patterns, const char *exclude, struct buf *err);
void	globs_finish(struct globs *g);
/* Of an absolute path: would globs_find find it? */
bool	globs_match(const struct globs *g, const char *path);
/*
 * All there are, links followed, in the order of their names.  dir is told of each
 * directory, before it is read: new files would show up in it.
 */
void	globs_find(const struct globs *g, struct sights *out,
	    void (*dir)(void *arg, const char *path), void *arg);
void	sights_add(struct sights *s, const char *path, const struct look *l, bool named);
void	sights_clear(struct sights *s);
void	sights_finish(struct sights *s);

/*
 * What is in a directory, by name and inode, without looking at each: an inode may be 0 or
 * wrong on some file systems.  0, or a negative errno.
 */
struct names { struct name { char *name; uint64_t ino; } *at; size_t n, room; };
int	names_read(struct names *d, const char *dir);
void	names_finish(struct names *d);
char	*path_dir(const char *path);	/* yours; of an absolute path */
char	*path_join(const char *dir, const char *name);
const char *path_base(const char *path);

#endif
