/*
 * snapshot.h - all that can be counted of a pipeline, at one moment
 *
 * What /metrics, top and the control socket show comes from here, and from one table: a kind
 * of thing (sources, steps, ...) has rows, a row has texts and numbers, and the table names them.
 * So a snapshot can be written as JSON and read again by another process without a line
 * of code per number.
 */
#ifndef WEFT_PIPELINE_SNAPSHOT_H
#define WEFT_PIPELINE_SNAPSHOT_H

#include "base/buf.h"
#include "pipeline.h"

enum snap_kind {
	SNAP_PROCESS, SNAP_SOURCE, SNAP_STEP, SNAP_OUTPUT, SNAP_WORKER, SNAP_LEDGER, SNAP_KINDS
};

enum { PROCESS_PID, PROCESS_STARTED, PROCESS_NOW, PROCESS_FDS, PROCESS_RSS, PROCESS_LINES,
	PROCESS_BYTES, PROCESS_MEMORY, PROCESS_PEAK, PROCESS_LIMIT, PROCESS_WAITS,
	PROCESS_DISK, PROCESS_NUMBERS };
enum { SOURCE_LINES, SOURCE_BYTES, SOURCE_LOST, SOURCE_ERRORS, SOURCE_FAILED, SOURCE_STREAMS,
	SOURCE_NUMBERS };
enum { STEP_IN, STEP_OUT, STEP_FAILED, STEP_NUMBERS };
enum { OUTPUT_RECORDS, OUTPUT_BYTES, OUTPUT_RETRIES, OUTPUT_FAILURES, OUTPUT_FAILING,
	OUTPUT_FAILING_FOR, OUTPUT_QUEUED, OUTPUT_QUEUE, OUTPUT_LIMIT, OUTPUT_WAITS,
	OUTPUT_PARCELS, OUTPUT_SPILLED, OUTPUT_NUMBERS };
enum { WORKER_BATCHES, WORKER_LINES, WORKER_BUSY, WORKER_NUMBERS };
enum { LEDGER_READ, LEDGER_DELIVERED, LEDGER_FILTERED, LEDGER_DEAD, LEDGER_SAMPLED,
	LEDGER_LIMITED, LEDGER_REPEATED, LEDGER_FULL, LEDGER_IN_FLIGHT, LEDGER_SPILLED,
	LEDGER_BYTES, LEDGER_LOST, LEDGER_BALANCED, LEDGER_NUMBERS };

#define SNAP_TEXTS	2
#define SNAP_NUMBERS	16

/* text[0] is the name; text[1] a step's kind, what an output suffers from, a row's output. */
struct snap_row {
	char	*text[SNAP_TEXTS];
	uint64_t n[SNAP_NUMBERS];
};

struct snapshot {
	struct snap_row *rows[SNAP_KINDS];
	int		 count[SNAP_KINDS];
};

enum snap_type { SNAP_HIDDEN, SNAP_COUNTER, SNAP_GAUGE, SNAP_GAUGE_NS, SNAP_COUNTER_NS };
struct snap_number {
	const char	*name;		/* in JSON */
	const char	*metric, *help;	/* of Prometheus; after weft_pipeline_ */
	int		 type;		/* enum snap_type; _NS: shown in seconds */
};
struct snap_table {
	const char	*name;		/* of the list, in JSON */
	const char	*text[SNAP_TEXTS];	/* NULL: it has none; */
	bool		 label[SNAP_TEXTS];	/* of metrics, too? */
	int		 numbers;
	const struct snap_number *number;
};
extern const struct snap_table snap_tables[SNAP_KINDS];

void	snapshot_take(weft_pipeline *p, struct snapshot *s);
void	snapshot_finish(struct snapshot *s);
void	snapshot_json(const struct snapshot *s, struct buf *out);	/* one line */
/* -EINVAL: it is none. */
int	snapshot_parse(const char *json, size_t len, struct snapshot *s);
/* The ledger of a snapshot; names are borrowed from it. */
void	snapshot_ledger(const struct snapshot *s, struct weft_ledger_row *rows);

/* A row as a line of JSON; balanced is true or false. */
void	ledger_json(const struct weft_ledger_row *r, struct buf *out);

/* metrics.c: Prometheus' text format */
void	snapshot_metrics(const struct snapshot *s, struct buf *out);

#endif
