/* snapshot.c - the table of all numbers, and snapshots taken by it; see snapshot.h */
#include "snapshot.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stage.h"
#include "weft/net.h"
#include "weft/time.h"
#include "when.h"

static const struct snap_number process[] = {
	[PROCESS_PID] = { "pid", NULL, NULL, SNAP_HIDDEN },
	[PROCESS_STARTED] = { "started", "start_time_seconds",
	    "When the pipeline began to run, since 1970.", SNAP_GAUGE_NS },
	[PROCESS_NOW] = { "now", NULL, NULL, SNAP_HIDDEN },
	[PROCESS_FDS] = { "fds", "open_fds", "Open file descriptors of the process.", SNAP_GAUGE },
	[PROCESS_RSS] = { "rss", "resident_memory_bytes",
	    "Memory of the process that is in RAM.", SNAP_GAUGE },
	[PROCESS_LINES] = { "lines", "read_lines_total", "Lines read from all sources.",
	    SNAP_COUNTER },
	[PROCESS_BYTES] = { "bytes", "read_bytes_total", "Bytes read from all sources.",
	    SNAP_COUNTER },
	[PROCESS_MEMORY] = { "memory", "memory_used_bytes",
	    "Memory budget in use by lines in flight.", SNAP_GAUGE },
	[PROCESS_PEAK] = { "memory_peak", "memory_peak_bytes",
	    "The most that was in use of the memory budget.", SNAP_GAUGE },
	[PROCESS_LIMIT] = { "memory_limit", "memory_limit_bytes", "The memory budget.",
	    SNAP_GAUGE },
	[PROCESS_WAITS] = { "memory_waits", "memory_waits_total",
	    "Times that reading had to wait because the memory budget was used up.",
	    SNAP_COUNTER },
	[PROCESS_DISK] = { "disk_limit", "disk_limit_bytes",
	    "The budget of all disk queues together.", SNAP_GAUGE },
};

static const struct snap_number source[] = {
	[SOURCE_LINES] = { "lines", "source_lines_total", "Lines read.", SNAP_COUNTER },
	[SOURCE_BYTES] = { "bytes", "source_bytes_total", "Bytes read.", SNAP_COUNTER },
	[SOURCE_LOST] = { "lost", "source_lost_bytes_total",
	    "Bytes that were cut off or deleted before they could be read.", SNAP_COUNTER },
	[SOURCE_ERRORS] = { "errors", "source_errors_total", "Errors while reading.",
	    SNAP_COUNTER },
	[SOURCE_FAILED] = { "failed", NULL, NULL, SNAP_HIDDEN },
	[SOURCE_STREAMS] = { "streams", "source_streams", "Files and connections being read.",
	    SNAP_GAUGE },
};

static const struct snap_number step[] = {
	[STEP_IN] = { "in", "step_in_lines_total", "Lines that came to the step.", SNAP_COUNTER },
	[STEP_OUT] = { "out", "step_out_lines_total", "Lines that went on from the step.",
	    SNAP_COUNTER },
	[STEP_FAILED] = { "failed", "step_failed_lines_total",
	    "Lines that the step could not enrich.", SNAP_COUNTER },
};

static const struct snap_number output[] = {
	[OUTPUT_RECORDS] = { "records", "output_records_total", "Records delivered.",
	    SNAP_COUNTER },
	[OUTPUT_BYTES] = { "bytes", "output_bytes_total", "Bytes delivered.", SNAP_COUNTER },
	[OUTPUT_RETRIES] = { "retries", "output_retries_total", "Deliveries tried again.",
	    SNAP_COUNTER },
	[OUTPUT_FAILURES] = { "failures", "output_failures_total", "Deliveries that failed.",
	    SNAP_COUNTER },
	[OUTPUT_FAILING] = { "failing", "output_failing",
	    "1 while the last delivery has failed, else 0.", SNAP_GAUGE },
	[OUTPUT_FAILING_FOR] = { "failing_for", "output_failing_seconds",
	    "For how long it has been failing.", SNAP_GAUGE_NS },
	[OUTPUT_QUEUED] = { "queued", "output_queue_batches", "Batches in the memory queue.",
	    SNAP_GAUGE },
	[OUTPUT_QUEUE] = { "queue", "output_queue_bytes", "Bytes in the memory queue.",
	    SNAP_GAUGE },
	[OUTPUT_LIMIT] = { "queue_limit", "output_queue_limit_bytes",
	    "Bytes that the memory queue holds.", SNAP_GAUGE },
	[OUTPUT_WAITS] = { "waits", "output_waits_total",
	    "Times that all had to wait because this queue was full.", SNAP_COUNTER },
	[OUTPUT_PARCELS] = { "spilled_parcels", "output_spilled_parcels",
	    "Parcels in the disk queue.", SNAP_GAUGE },
	[OUTPUT_SPILLED] = { "spilled", "output_spilled_bytes", "Bytes in the disk queue.",
	    SNAP_GAUGE },
};

static const struct snap_number worker[] = {
	[WORKER_BATCHES] = { "batches", "worker_batches_total", "Batches processed.",
	    SNAP_COUNTER },
	[WORKER_LINES] = { "lines", "worker_lines_total", "Lines processed.", SNAP_COUNTER },
	[WORKER_BUSY] = { "busy", "worker_busy_seconds_total",
	    "Time spent processing; the rest was spent waiting.", SNAP_COUNTER_NS },
};

static const struct snap_number ledger[] = {
	[LEDGER_READ] = { "read", "ledger_read_lines_total",
	    "Lines of the source that were read.", SNAP_COUNTER },
	[LEDGER_DELIVERED] = { "delivered", "ledger_delivered_lines_total",
	    "Of them, those delivered.", SNAP_COUNTER },
	[LEDGER_FILTERED] = { "filtered", "ledger_filtered_lines_total",
	    "Of them, those filtered out.", SNAP_COUNTER },
	[LEDGER_DEAD] = { "dead", "ledger_dead_lines_total",
	    "Of them, those that could not be parsed, or were rejected.", SNAP_COUNTER },
	[LEDGER_SAMPLED] = { "sampled", "ledger_sampled_lines_total",
	    "Of them, those dropped by a sample step.", SNAP_COUNTER },
	[LEDGER_LIMITED] = { "limited", "ledger_limited_lines_total",
	    "Of them, those dropped by a limit step.", SNAP_COUNTER },
	[LEDGER_REPEATED] = { "repeated", "ledger_repeated_lines_total",
	    "Of them, those dropped by a dedup step.", SNAP_COUNTER },
	[LEDGER_FULL] = { "full", "ledger_full_lines_total",
	    "Of them, those dropped because the queue was full.", SNAP_COUNTER },
	[LEDGER_IN_FLIGHT] = { "in_flight", "ledger_in_flight_lines",
	    "Lines that were read and are not settled.", SNAP_GAUGE },
	[LEDGER_SPILLED] = { "spilled", "ledger_spilled_lines", "Lines in the disk queue.",
	    SNAP_GAUGE },
	[LEDGER_BYTES] = { "bytes", "ledger_bytes_total", "Bytes of the lines that the output has settled.",
	    SNAP_COUNTER },
	[LEDGER_LOST] = { "lost", "ledger_lost_bytes_total",
	    "Bytes that were gone before they could be read.", SNAP_COUNTER },
	[LEDGER_BALANCED] = { "balanced", "ledger_balanced",
	    "1 if the lines settled add up to the lines read, else 0.", SNAP_GAUGE },
};

const struct snap_table snap_tables[SNAP_KINDS] = {
	[SNAP_PROCESS] = { "process", { NULL, NULL }, { 0 }, PROCESS_NUMBERS, process },
	[SNAP_SOURCE] = { "sources", { "source", NULL }, { true }, SOURCE_NUMBERS, source },
	[SNAP_STEP] = { "steps", { "step", "kind" }, { true, true }, STEP_NUMBERS, step },
	[SNAP_OUTPUT] = { "outputs", { "output", "why" }, { true }, OUTPUT_NUMBERS, output },
	[SNAP_WORKER] = { "workers", { "worker", NULL }, { true }, WORKER_NUMBERS, worker },
	[SNAP_LEDGER] = { "ledger", { "source", "output" }, { true, true }, LEDGER_NUMBERS,
	    ledger },
};

static struct snap_row *
add_row(struct snapshot *s, int kind, const char *name, const char *second)
{
	struct snap_row *r;
	int n = s->count[kind]++;

	s->rows[kind] = xrealloc(s->rows[kind], (n + 1) * sizeof(*r));
	r = &s->rows[kind][n];
	*r = (struct snap_row){ .text = { xstrdup(name), xstrdup(second) } };
	return r;
}

void
snapshot_finish(struct snapshot *s)
{
	for (int k = 0; k < SNAP_KINDS; k++) {
		for (int i = 0; i < s->count[k]; i++)
			for (int t = 0; t < SNAP_TEXTS; t++)
				free(s->rows[k][i].text[t]);
		free(s->rows[k]);
	}
	*s = (struct snapshot){ 0 };
}

static uint64_t
open_fds(void)
{
	uint64_t n = 0;
	DIR *d;

	weft_enter_blocking();
	d = opendir("/proc/self/fd");
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	weft_leave_blocking();
	return n > 3 ? n - 3 : 0;	/* ".", "..", and the directory itself */
}

static uint64_t
resident(void)
{
	unsigned long long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f) {
		if (fscanf(f, "%llu %llu", &size, &pages) != 2)
			pages = 0;
		fclose(f);
	}
	return pages * sysconf(_SC_PAGESIZE);
}

static void
take_process(weft_pipeline *p, struct snapshot *s)
{
	struct snap_row *r = add_row(s, SNAP_PROCESS, "", "");

	r->n[PROCESS_PID] = getpid();
	r->n[PROCESS_NOW] = when_now();
	r->n[PROCESS_STARTED] = r->n[PROCESS_NOW] - ((p->ended ? p->ended : weft_now()) -
	    p->started);
	r->n[PROCESS_FDS] = open_fds();
	r->n[PROCESS_RSS] = resident();
	r->n[PROCESS_LINES] = counted(&p->read);
	r->n[PROCESS_BYTES] = counted(&p->bytes);
	r->n[PROCESS_LIMIT] = p->opt.memory;
	r->n[PROCESS_DISK] = p->opt.disk;
	weft_mutex_lock(&p->budget.lock);
	r->n[PROCESS_MEMORY] = p->budget.used;
	r->n[PROCESS_PEAK] = p->budget.peak;
	r->n[PROCESS_WAITS] = p->budget.waits;
	weft_mutex_unlock(&p->budget.lock);
}

static uint64_t
open_streams(weft_pipeline *p, const struct source *s)
{
	uint64_t n = 0;

	weft_mutex_lock(&p->lock);
	for (struct stream *st = p->streams; st; st = st->next)
		n += !st->closed && st->source == s;
	weft_mutex_unlock(&p->lock);
	return n;
}

static void
take_source(weft_pipeline *p, struct source *src, struct snapshot *s)
{
	struct snap_row *r = add_row(s, SNAP_SOURCE, src->name, "");

	r->n[SOURCE_LINES] = counted(&src->read);
	r->n[SOURCE_BYTES] = counted(&src->bytes);
	r->n[SOURCE_LOST] = counted(&src->lost);
	r->n[SOURCE_ERRORS] = counted(&src->errors);
	r->n[SOURCE_FAILED] = atomic_load(&src->failed);
	r->n[SOURCE_STREAMS] = open_streams(p, src);
}

static void
take_output(struct output *o, struct snapshot *s)
{
	struct snap_row *r = add_row(s, SNAP_OUTPUT, o->name, "");
	struct weft_output_counts c;

	ledger_output_counts(o, &c);
	r->n[OUTPUT_RECORDS] = c.records;
	r->n[OUTPUT_BYTES] = c.bytes;
	r->n[OUTPUT_RETRIES] = c.retries;
	r->n[OUTPUT_FAILURES] = c.failures;
	r->n[OUTPUT_QUEUED] = c.queued;
	r->n[OUTPUT_QUEUE] = c.queue_bytes;
	r->n[OUTPUT_LIMIT] = c.queue_limit;
	r->n[OUTPUT_WAITS] = c.waits;
	r->n[OUTPUT_PARCELS] = c.spilled_parcels;
	r->n[OUTPUT_SPILLED] = c.spilled_bytes;
	weft_mutex_lock(&o->lock);
	if (o->error) {
		r->n[OUTPUT_FAILING] = 1;
		r->n[OUTPUT_FAILING_FOR] = weft_now() - o->failing_since;
		free(r->text[1]);
		r->text[1] = xstrdup(o->why);
	}
	weft_mutex_unlock(&o->lock);
}

static void
take_ledger(weft_pipeline *p, struct snapshot *s)
{
	int n = ledger_rows(p, NULL, 0);
	struct weft_ledger_row *rows = xcalloc(n + 1, sizeof(*rows));

	ledger_rows(p, rows, n);
	for (int i = 0; i < n; i++) {
		const struct weft_ledger_row *l = &rows[i];
		const uint64_t numbers[LEDGER_NUMBERS] = {
			l->read, l->delivered, l->filtered, l->dead, l->sampled, l->limited,
			l->repeated, l->full, l->in_flight, l->spilled, l->bytes, l->lost,
			l->balanced
		};

		memcpy(add_row(s, SNAP_LEDGER, l->source, l->output)->n, numbers,
		    sizeof(numbers));
	}
	free(rows);
}

void
snapshot_ledger(const struct snapshot *s, struct weft_ledger_row *rows)
{
	for (int i = 0; i < s->count[SNAP_LEDGER]; i++) {
		const struct snap_row *r = &s->rows[SNAP_LEDGER][i];
		const uint64_t *n = r->n;

		rows[i] = (struct weft_ledger_row){
			r->text[0], r->text[1], n[LEDGER_READ], n[LEDGER_DELIVERED],
			n[LEDGER_FILTERED], n[LEDGER_DEAD], n[LEDGER_SAMPLED],
			n[LEDGER_LIMITED], n[LEDGER_REPEATED], n[LEDGER_FULL],
			n[LEDGER_IN_FLIGHT], n[LEDGER_SPILLED], n[LEDGER_BYTES],
			n[LEDGER_LOST], n[LEDGER_BALANCED],
		};
	}
}

void
snapshot_take(weft_pipeline *p, struct snapshot *s)
{
	*s = (struct snapshot){ 0 };
	weft_rwmutex_rlock(&p->shape);
	take_process(p, s);
	for (int i = 0; i < p->nsources; i++)
		if (!p->sources[i]->gone)
			take_source(p, p->sources[i], s);
	for (int i = 0; i < p->plan.nsteps; i++) {
		struct step *st = p->plan.steps[i];
		struct snap_row *r = add_row(s, SNAP_STEP, st->name, st->kind);

		r->n[STEP_IN] = counted(&st->in);
		r->n[STEP_OUT] = counted(&st->out);
		r->n[STEP_FAILED] = counted(&st->failed);
	}
	for (int i = 0; i < p->plan.noutputs; i++)
		take_output(p->plan.outputs[i], s);
	for (int i = 0; i < p->nworkers; i++) {
		char name[16];
		struct snap_row *r;

		snprintf(name, sizeof(name), "%d", i);
		r = add_row(s, SNAP_WORKER, name, "");
		r->n[WORKER_BATCHES] = counted(&p->workers[i].batches);
		r->n[WORKER_LINES] = counted(&p->workers[i].lines);
		r->n[WORKER_BUSY] = counted(&p->workers[i].busy);
	}
	take_ledger(p, s);
	weft_rwmutex_runlock(&p->shape);
}
