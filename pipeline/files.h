/*
 * files.h - the files that one output writes: which are open, what is saved about them
 *
 * sink_file.c writes records, files.c knows where.
 */
#ifndef WEFT_PIPELINE_FILES_H
#define WEFT_PIPELINE_FILES_H

#include "base/map.h"
#include "compress.h"
#include "outfile.h"
#include "rotate.h"
#include "sink.h"
#include "outname.h"

#define FILES_OPEN	64		/* descriptors at most */
#define FILES_KNOWN	256		/* and files that the saved state names */

struct file_sink {
	struct sink	 sink;
	struct weft_file_options opt;	/* but for its texts */
	struct outname	 path;
	struct compressor compressor;	/* of the live files */
	struct rotator	 rotator;
	struct map	 known;		/* by path; value: struct outfile */
	struct list	 recent;	/* the same ones, least recently used first */
	struct list	 retired;	/* renamed or deleted in the parcel that is being written */
	struct list	 jobs;		/* rotated files to be compressed */
	size_t		 nopen;
	bool		 fresh;		/* there was no state */
	bool		 compress_rotated;
	int		 late;		/* save could not write what waits for compression */
	struct buf	 name;		/* of the last parcel */
};

/* The live file for a parcel, ready to be written; p NULL: of a path without times, opened. */
int	files_get(struct file_sink *fs, const struct parcel *p, struct outfile **out);
/* Writes what waits to be compressed. */
int	files_flush(struct file_sink *fs, struct outfile *f);
int	files_flush_all(struct file_sink *fs);
/* Everything that was written counts from now on, a parcel has ended or is given up. */
void	files_mark(struct file_sink *fs);
/* The file is no longer the one that is written; after a sync, if the options want one. */
int	files_retire(struct file_sink *fs, struct outfile *f);
/* PATH becomes PATH.1; the next files_get makes a new one. */
int	files_rotate(struct file_sink *fs, struct outfile *f);
bool	files_is_due(struct file_sink *fs, struct outfile *f, int64_t now);	/* by time */
/* fsync where it is time; all: everywhere. */
int	files_sync(struct file_sink *fs, bool all);
int	files_tick(struct file_sink *fs);
void	files_finish(struct file_sink *fs);

struct outfile *files_know(struct file_sink *fs, const char *path, size_t len);
void	files_add_job(struct file_sink *fs, const char *path); /* to be compressed, some time */

/* file_state.c */
void	files_save(struct file_sink *fs, struct buf *state);
/* Finds the files of a state, and takes back what was written after it. */
int	files_load(struct file_sink *fs, const void *state, size_t len, struct buf *err);

#endif
