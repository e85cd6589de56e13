/*
 * flags.h - pipelines from command lines: what run and pipe have in common
 *
 * A file that is named on a command line is that file, whatever characters its name has;
 * configurations have patterns.
 */
#ifndef WEFT_PIPELINE_FLAGS_H
#define WEFT_PIPELINE_FLAGS_H

#include "pipeline.h"

/* A source for each of files (- is standard input), like o.  0, or the exit status: it is said. */
int	flags_sources(weft_pipeline *p, char **files, const struct weft_source_options *o);
/* stdout, file:PATH or append:PATH, each perhaps with ,FORMAT.  files: none of them is written. */
int	flags_output(weft_pipeline *p, const char *dest, char **files);
/* An output like o; a file must be none of files. */
int	flags_add(weft_pipeline *p, const char *name, const struct weft_output_options *o,
	    char **files);
/* The dead letters. */
int	flags_dead(weft_pipeline *p, const char *path, char **files);
/* What went wrong with p's last call; returns 2 for -EINVAL, else 1. */
int	flags_failed(weft_pipeline *p, int err);

#endif
