/*
 * config.h - a configuration: read from YAML, checked, made into a pipeline
 *
 *	struct config *c = config_load("/etc/weft-pipeline.yaml");
 *	if (config_build(c, &p, &err))
 *		fputs(buf_str(&err), stderr);
 *	config_free(c);
 *
 * man/weft-pipeline.conf.5 says what may be in the file.  Reading never fails as such: what is
 * wrong is collected, and config_build, which finds more (expressions, patterns, tables),
 * has all of it, a line for each place.  What is in a config points into it.
 */
#ifndef WEFT_PIPELINE_CONFIG_H
#define WEFT_PIPELINE_CONFIG_H

#include "pipeline.h"
#include "schema.h"

/* A named thing: an entry of sources, steps or outputs.  bad: it has been complained about. */
struct config_item {
	const char	*name;
	const struct yaml *yaml;	/* its map */
	unsigned	 kind;		/* one of the below */
	bool		 bad;
};

enum { SOURCE_FILE = 1, SOURCE_SYSLOG = 2, SOURCE_STDIN = 4 };
struct config_source {
	struct config_item item;
	struct texts	 file, exclude, syslog;
	uint64_t	 max_line;
	struct weft_source_options o;	/* all but the lists */
};

enum {
	STEP_WHERE = 1, STEP_SAMPLE = 2, STEP_LIMIT = 4, STEP_DEDUP = 8, STEP_REDACT = 16,
	STEP_SET = 32, STEP_TABLE = 64, STEP_GEOIP = 128, STEP_RDNS = 256
};
struct config_step {
	struct config_item item;
	const char	*text;		/* the expression, the file, the reference */
	const char	*by, *with, *column, *prefix, *into;
	double		 share;
	struct rate	 rate;
	int64_t		 burst, window, timeout, ttl;
	struct texts	 redact;
	struct pairs	 set;
};

enum { OUTPUT_STDOUT = 1, OUTPUT_FILE = 2, OUTPUT_SYSLOG = 4, OUTPUT_HTTP = 8 };
struct config_output {
	struct config_item item;
	struct weft_output_options o;	/* all but where it goes, and from */
	struct weft_file_options file;
	struct weft_syslog_options syslog;
	struct weft_http_options http;
	struct texts	 from;
	struct pairs	 labels, headers;
	uint64_t	 queue;
	int64_t		 keep, timeout;
	const char	*ca, *cert, *key;
	bool		 insecure;
};

enum expect_kind { EXPECT_DROPPED, EXPECT_DEAD, EXPECT_UNCHANGED, EXPECT_FIELDS };
struct config_expect {
	struct spot	 at;
	int		 kind;
	const char	*step;		/* EXPECT_DROPPED: by which one, or NULL */
	struct pairs	 fields;
};
struct config_test {
	struct config_item item;	/* the name may be NULL */
	const char	*source;	/* or NULL: the first */
	struct texts	 input;
	struct config_expect *expect;	/* one for each of the input */
};

struct config {
	char		*path;
	struct weft_pipeline_options options;
	uint64_t	 memory;
	int64_t		 workers;
	const char	*listen;	/* of /metrics and /healthz, or NULL */
	const char	*errors;	/* the output of the dead letters, or NULL */
	struct config_source *sources;
	struct config_step *steps;
	struct config_output *outputs;
	struct config_test *tests;
	int		 nsources, nsteps, noutputs, ntests;
	struct complaints complaints;
	/* private */
	struct yaml_doc	 doc;
	struct reading	 reading;
	char		*dir;
};

/* Never NULL.  text is read as if it were in the file path. */
struct config *config_load(const char *path);
struct config *config_parse(const char *path, const char *text, size_t len);
void	config_free(struct config *c);		/* NULL: nothing */
/* All that is wrong, a line each; false: nothing is. */
bool	config_errors(struct config *c, struct buf *err);
struct config_source *config_source(const struct config *c, const char *name);	/* or NULL */
struct config_step *config_step(const struct config *c, const char *name);
struct config_output *config_output(const struct config *c, const char *name);

/* 0, or -EINVAL: err has what config_errors says, and *out is NULL. */
int	config_build(struct config *c, weft_pipeline **out, struct buf *err);

#endif
