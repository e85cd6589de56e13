/*
 * source_files.h - the insides of the file source, shared by its parts
 *
 *	source_file.c  the loop, and what time brings: quiet files end, failed ones are tried again
 *	look.c         what is there by now, and what is not
 *	newfile.c      what a new file is, and where it begins
 *	events.c       what inotify says
 *	resume.c       what was known when we started: found again under whatever name
 *	source_rotate.c       truncations and copies: a stream goes on in another file
 *	turns.c        whose turn it is
 *	tail.c         reads a file, a batch at a time
 *	archive.c      the same for gzip and zstd, and for pipes: what is read once, in order
 *
 * A tail is a stream and the file it is in now.  The file may change under it (copy and
 * truncate: the rest is in the copy), which counts gen up; a reader that finds gen changed
 * throws away what it read.  All of it is under files.lock, but what a reader needs for its turn
 * alone: offset, trail and counts belong to the reader while state is TAIL_RUNNING, and
 * others may read them under the lock, for they only change under it.
 *
 * Idle tails cost their record: at most READERS goroutines read, and there are none when
 * there is nothing to read.  Each turn hands on one batch and goes to the end of the line.
 */
#ifndef WEFT_PIPELINE_SOURCE_FILES_H
#define WEFT_PIPELINE_SOURCE_FILES_H

#include <fcntl.h>

#include "base/list.h"
#include "base/map.h"
#include "fdio.h"
#include "globs.h"
#include "inflate.h"
#include "regex.h"
#include "watch.h"
#include "weft/sync.h"

#define READERS		16
#define INFLATERS	4		/* of the readers: they take memory and do not take turns */
#define PAST		4096		/* files remembered after their end */

struct opened {				/* moved as a whole from one tail to another */
	int	fd;			/* negative: none */
	int	wd;			/* negative: not watched */
	char	*path;
	struct file_id id;
	enum packing packed;
	bool	matched;		/* a pattern finds it; else it has left, and has an end */
	uint64_t size;			/* the most it was seen to have */
	int64_t	mtime;
	int64_t	grown;			/* weft_now(), when it was last seen to grow, or to leave */
	unsigned round;			/* the last scan that found it */
};

enum tail_state { TAIL_IDLE, TAIL_READY, TAIL_RUNNING, TAIL_OVER };
enum turn { TURN_MORE, TURN_END, TURN_FAILED, TURN_STOP, TURN_OVER };

struct tail {
	struct files	*f;
	struct list	 all, ready;
	struct opened	 file;
	int64_t		 born;		/* of the file it was first: copies are younger */
	struct stream	*st;		/* NULL: over, or an archive that was not looked into */
	enum tail_state	 state;
	bool		 again;		/* something happened during its turn */
	unsigned	 gen;
	/* the stream */
	uint64_t	 offset, lines;	/* handed on */
	uint64_t	 half;		/* bytes after offset known to hold no end of a line */
	bool		 group;		/* they hold lines, of a group that is not complete */
	uint64_t	 cut;		/* for split_lines */
	size_t		 need;		/* room for the next batch, when the usual is too small */
	size_t		 usual;		/* bytes a batch took when it was full of lines */
	struct trail	 trail;
	/* its place among others: next must wait until we have caught up once more */
	struct tail	*after, *next;
	bool		 asked;
	bool		 caught;	/* was at the end, and nothing happened since */
	bool		 final;		/* what is there is all: take a last half line too */
	bool		 flush;		/* multiline: the last group is complete */
	bool		 fresh;		/* an archive that was not looked into: no stream yet */
	bool		 doubt;		/* new, and may yet turn out to be a copy: no stream yet */
	bool		 emptied;	/* its file was truncated, and may begin with a hole */
	bool		 stolen;	/* it was: its content is another's */
	char		*held;		/* the name by which it is in files.holders, or NULL */
	bool		 late;		/* the state does not know yet that it is another file now */
	bool		 check;		/* something happened to its file during a turn */
	int64_t		 began;		/* weft_now(), its last turn */
	uint64_t	 flushed;	/* the file's size, when flush was set last */
	int64_t		 due;		/* weft_now() of another try; 0: none */
	int64_t		 backoff;
	int		 error;
};

struct past {
	struct known_file k;		/* row 0: unknown to the state under this name */
	bool	claimed;		/* there is a tail for it, or its end is settled */
};

struct files {
	weft_ctx	*ctx;
	struct intake	*in;
	const struct weft_source_options *o;
	struct globs	 globs;
	struct multiline *multiline;
	size_t		 max_line;
	int64_t		 linger;

	weft_mutex	 lock;		/* everything below; may be held across file reads */
	struct list	 tails;
	struct list	 ready, packed;	/* to be read: files, archives */
	int		 readers, inflating;
	int		 active;	/* tails that are not over, and pipes */
	bool		 stopping;
	struct map	 inodes;	/* dev, ino -> tail; those with a file */
	struct map	 dirs;		/* wd -> path, owned */
	struct map	 watched;	/* wd -> tail */
	struct map	 told;		/* path -> what was told about it */
	struct past	*past;
	size_t		 npast, past_room, past_next;
	size_t		 nknown;	/* of past: what the state had */
	struct moved { char *from, *to; } *moved;	/* files that had a matching name */
	size_t		 nmoved;
	struct map	 holders;	/* path -> the tail that had that name last */
	bool		 dirty;		/* look again soon */
	bool		 checks;	/* some tail is to be checked */
	bool		 first;		/* the first look */
	bool		 unwatched;	/* a directory is not watched: look every second */
	bool		 full;		/* told that there are too many files */

	weft_chan(char)	 kick;		/* cap 1: wakes the loop */
	weft_waitgroup	 wg;
	struct watch	 watch;
	unsigned	 round;
	int64_t		 looked, took;	/* the last look */
	struct sights	 sights;
};

/* Under the lock, all of these, unless they say otherwise. */

/* turns.c */
struct tail *tail_new(struct files *f, const struct opened *file);
/* Begins a stream in t's file: known and its place, or at 0. */
void	tail_begin(struct tail *t, const struct known_file *k);
/*
 * Tells the state that the stream is in another file now.  When we start, only after what stands
 * at its name is known too: else who killed us now would leave no trace of that one.
 */
void	tail_update(struct tail *t);
void	tail_poke(struct tail *t);	/* there may be something to read */
/* It has that name now; it is not read before who had it last has caught up. */
void	tail_holds(struct tail *t, const char *path);
void	tail_follows(struct tail *t, struct tail *after);
void	tail_release(struct tail *t);	/* who waits for it need not */
void	tail_over(struct tail *t, bool done);	/* closes stream and file */
void	tail_free(struct tail *t);	/* it is over, or the source is */
void	files_kick(struct files *f);
extern _Atomic int files_opened;	/* by all file sources together */

/* tail.c */
enum turn tail_failed(struct tail *t, int err);	/* tells; it is tried again, later each time */
void	tail_noticed(struct tail *t, const struct look *l);	/* that was its file: call it
						 * when it is known to be intact since */
void	tail_head(struct tail *t, int fd, const struct look *l);	/* there may be more of it */
/* Accounts for n bytes of lines in b, which then is to be submitted without the lock. */
void	tail_take(struct tail *t, struct batch *b, size_t n);
enum turn tail_turn(struct tail *t, struct scratch *sc);	/* without the lock */

/* archive.c: without the lock */
enum turn archive_turn(struct tail *t, struct scratch *sc);
void	pipe_run(struct files *f, char *path, int fd);	/* a goroutine; takes both */
/* Does what is packed in fd hold that tail, at that place? */
bool	archive_at(int fd, enum packing how, const struct place *at);
bool	archive_holds(int fd, enum packing how, const struct file_id *id, const struct place *at);

/* source_rotate.c */
struct tail *files_by_inode(struct files *f, uint64_t dev, uint64_t ino);
void	files_enter(struct files *f, struct tail *t);	/* its file is tracked, and watched */
void	files_leave(struct files *f, struct tail *t);	/* is not; fd stays open */
void	files_unwatch(struct files *f, struct tail *t);
/* Does the file hold what t has read, and a part of what it has not? */
int	tail_intact(struct tail *t, int fd, const struct look *l);
/* It does not: the stream goes on in a copy or is over, and the file gets a new one. */
void	tail_truncated(struct tail *t, const struct look *l);
/* Opens the file that is named path, if it holds what id and at say: >= 0, or a negative errno. */
int	find_copy(struct files *f, const char *dir, const struct file_id *id,
	    const struct place *at, struct opened *out);
/* Is it, byte for byte, the beginning of one that we read? */
bool	repeats_any(struct files *f, int fd, const char *path, const struct look *l);
/* o's content is new: a stream for it. */
struct tail *tail_emptied(struct files *f, struct opened *o, const struct look *l);
void	tail_skip_hole(struct tail *t, const struct look *l);	/* before it is first read */
/* Begins its stream, unless it is in doubt; then tries again later. */
void	tail_resolve(struct tail *t, const struct look *l);

/* look.c: without the lock, by one goroutine; but tail_check under it */
void	look_for_files(struct files *f);
void	tail_check(struct tail *t);	/* something happened to its file */

/* events.c */
void	listen_to_events(struct files *f, weft_ctx *ctx);	/* a goroutine */
/* What had a name that a pattern finds has another one now. */
void	note_moved(struct files *f, const char *was_at, const char *is_at);

/* newfile.c */
/* A regular file that nobody reads, without the lock; holds: the name it has or had by pattern. */
void	new_file(struct files *f, const char *path, const char *holds, bool matched);
void	odd_file(struct files *f, const struct sight *s);	/* one that is not regular; likewise */
/* 0, or a negative errno, told if it is to be; out->id and all that look says are set. */
int	files_open(struct files *f, const char *path, struct opened *out, struct look *l);
bool	files_room(struct files *f);	/* for one more open file */
void	opened_close(struct opened *o);
void	past_add(struct files *f, const struct known_file *k, bool claimed);
/* Once for each error; 0: it is over.  True if it was told now. */
bool	files_tell(struct files *f, const char *path, int err, const char *what);
struct past *past_find(struct files *f, const struct look *l);

/* resume.c: once, before the first file is read */
void	resume_known(struct files *f);

static inline void
place_of(const struct tail *t, struct place *at)
{
	*at = (struct place){ t->offset, t->lines, t->trail.len, trail_hash(&t->trail) };
}

#endif
