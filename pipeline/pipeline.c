/*
 * pipeline.c - what is built before a run: options, sources, steps, outputs
 *
 * Everything that can be wrong is found here or when the run begins, before anything is read.
 */
#include "pipeline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "patterns/breaker.h"
#include "spec.h"
#include "stage.h"

#define BATCH	((128 << 10) - BATCH_PAD)

static int64_t
or_else(int64_t n, int64_t otherwise)
{
	return n ? n : otherwise;
}

weft_pipeline *
weft_pipeline_new(const struct weft_pipeline_options *opt)
{
	weft_pipeline *p = xcalloc(1, sizeof(*p));
	char name[256] = "";

	p->opt = *opt;
	p->sources = xcalloc(MAX_SOURCES, sizeof(*p->sources));
	p->source_names = xcalloc(MAX_SOURCES, sizeof(*p->source_names));
	if (p->opt.workers <= 0)
		p->opt.workers = weft_procs();
	p->opt.batch = or_else(opt->batch, BATCH);
	p->opt.memory = or_else(opt->memory, 64 << 20);
	p->opt.disk = or_else(opt->disk, 1 << 30);
	p->drain = or_else(opt->drain, 30 * WEFT_SECOND);
	p->checkpoint = or_else(opt->checkpoint, 200 * WEFT_MS);
	if (!opt->host && gethostname(name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	p->host = xstrdup(opt->host ? opt->host : name);
	p->opt.host = opt->host ? p->host : NULL;
	p->statedir = opt->state ? xstrdup(opt->state) : NULL;
	/* now, for counts may be asked for before it runs */
	budget_init(&p->budget, p->opt.memory);
	batch_pool_init(&p->pool, &p->budget, p->opt.batch, 2 * p->opt.workers + 4);
	return p;
}

void
source_free(struct source *s)
{
	weft_waitgroup_wait(&s->running);	/* its goroutine has only just said that it ends */
	source_options_finish(&s->opt);
	source_syslog_close(s->sockets);
	state_known_free(s->known);
	multiline_free(s->multiline);
	regex_free(s->format.regex);
	weft_ctx_free(s->ctx);
	free(s->spec);
	free(s->name);
	free(s);
}

void
rendering_finish(struct rendering *r)
{
	expr_free(r->where);
	free(r->where_text);
	free(r->from);
	*r = (struct rendering){ 0 };
}

void
plan_finish(struct plan *plan)
{
	for (int i = 0; i < plan->nsteps; i++)
		step_free(plan->steps[i]);
	free(plan->steps);
	for (int i = 0; i < plan->nrenderings; i++)
		rendering_finish(&plan->renderings[i]);
}

void
weft_pipeline_free(weft_pipeline *p)
{
	if (!p)
		return;
	for (int i = 0; i < p->nsources; i++)
		source_free(p->sources[i]);
	for (struct source *s; (s = p->retired); ) {
		p->retired = s->retired;
		source_free(s);
	}
	for (int i = 0; i < p->plan.noutputs; i++)
		output_finish(p->plan.outputs[i]);
	plan_finish(&p->plan);
	for (size_t i = 0; i < p->npast; i++)
		free(p->past[i].k.path);
	free(p->past);
	map_finish(&p->names);
	free(p->sources);
	free(p->source_names);
	taps_finish(&p->taps);
	buf_finish(&p->error);
	free(p->workers);
	free(p->listen);
	free(p->replay);
	free(p->host);
	free(p->statedir);
	free(p);
}

const char *
weft_pipeline_error(weft_pipeline *p)
{
	return buf_str(&p->error);
}

int
pipeline_fail(weft_pipeline *p, int err)
{
	if (!err)
		return 0;
	weft_mutex_lock(&p->lock);
	if (!p->first_error)
		p->first_error = err;
	weft_mutex_unlock(&p->lock);
	return err;
}

void
pipeline_tell(weft_pipeline *p, const char *fmt, ...)
{
	struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	weft_mutex_lock(&p->telling);
	if (p->opt.warn)
		p->opt.warn(p->opt.warn_arg, buf_str(&text));
	else
		dprintf(STDERR_FILENO, "weft-pipeline: %s\n", buf_str(&text));
	weft_mutex_unlock(&p->telling);
	buf_finish(&text);
}

const char *
pipeline_name(weft_pipeline *p, const char *name)
{
	size_t len = strlen(name) + 1;

	return map_insert(&p->names, name, len, map_hash(name, len), NULL)->key;
}

static int refuse(weft_pipeline *p, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
refuse(weft_pipeline *p, int err, const char *fmt, ...)
{
	va_list ap;

	p->error.len = 0;
	va_start(ap, fmt);
	buf_vprintf(&p->error, fmt, ap);
	va_end(ap);
	return err;
}

static void
fill_in(struct weft_source_options *o)
{
	o->max_line = or_else(o->max_line, MAX_LINE);
	o->multiline_wait = or_else(o->multiline_wait, WEFT_SECOND);
	o->linger = or_else(o->linger, 10 * WEFT_SECOND);
	if (o->listen && o->format == WEFT_LINE_AUTO)
		o->format = WEFT_LINE_SYSLOG;
}

/* What its lines look like, and whether it can be read at all. */
static int
check_source(struct source *s, struct buf *err)
{
	struct weft_source_options *o = &s->opt;

	s->format.kind = o->format;
	if (o->format == WEFT_LINE_REGEX) {
		if (!o->regex) {
			buf_adds(err, "format regex needs a regex");
			return -EINVAL;
		}
		s->format.regex = regex_new(o->regex, "", err);
		if (!s->format.regex)
			return -EINVAL;
	}
	s->multiline = multiline_new(o->multiline, o->format, err);
	if (err->len)
		return -EINVAL;
	if (o->file)
		return source_file_check(o, err);
	return o->listen ? source_syslog_check(o, err) : 0;
}

int
weft_pipeline_source(weft_pipeline *p, const char *name, const struct weft_source_options *opt)
{
	struct source *s;
	struct buf err = { 0 };
	int e;

	if (!!opt->file + !!opt->listen + opt->standard_input != 1)
		return refuse(p, -EINVAL, "source %s: give it one of file, stdin, listen", name);
	if (p->nsources == MAX_SOURCES)
		return refuse(p, -E2BIG, "there can be at most %d sources", MAX_SOURCES);
	for (int i = 0; i < p->nsources; i++)
		if (strcmp(p->sources[i]->name, name) == 0)
			return refuse(p, -EEXIST, "there are two sources named %s", name);
	s = xcalloc(1, sizeof(*s));
	s->p = p;
	s->name = xstrdup(name);
	s->index = p->nsources;
	s->spec = source_spec(opt);
	source_options_copy(&s->opt, opt);
	fill_in(&s->opt);
	e = check_source(s, &err);
	if (e) {
		refuse(p, e, "source %s: %s", name, buf_str(&err));
		source_free(s);
	} else {
		weft_mutex_lock(&p->lock);
		p->source_names[p->nsources] = pipeline_name(p, name);
		p->sources[p->nsources++] = s;
		weft_mutex_unlock(&p->lock);
	}
	buf_finish(&err);
	return e;
}

int
weft_pipeline_listen(weft_pipeline *p, const char *address)
{
	if (!*address)
		return refuse(p, -EINVAL, "listen: an address is 127.0.0.1:9600 or :9600");
	free(p->listen);
	p->listen = xstrdup(address);
	return 0;
}

static int
add_step(weft_pipeline *p, const char *name, struct step *s, struct buf *err)
{
	int e = s ? 0 : -EINVAL;

	if (!s) {
		refuse(p, e, "step %s: %s", name, buf_str(err));
	} else {
		s->name = xstrdup(name);
		p->plan.steps = xrealloc(p->plan.steps,
		    (p->plan.nsteps + 1) * sizeof(*p->plan.steps));
		p->plan.steps[p->plan.nsteps++] = s;
	}
	buf_finish(err);
	return e;
}

int
weft_pipeline_where(weft_pipeline *p, const char *name, const char *expr)
{
	struct buf err = { 0 };

	return add_step(p, name, step_where(expr, &err), &err);
}

int
weft_pipeline_sample(weft_pipeline *p, const char *name, double share, const char *by)
{
	struct buf err = { 0 };

	return add_step(p, name, step_sample(share, by, &err), &err);
}

int
weft_pipeline_limit(weft_pipeline *p, const char *name, int64_t events, int64_t per,
    int64_t burst, const char *by)
{
	struct buf err = { 0 };

	return add_step(p, name, step_limit(events, per, burst, by, &err), &err);
}

int
weft_pipeline_dedup(weft_pipeline *p, const char *name, int64_t window, const char *by)
{
	struct buf err = { 0 };

	return add_step(p, name, step_dedup(window, by, &err), &err);
}

int
weft_pipeline_redact(weft_pipeline *p, const char *name, const char *const *what, int n,
    const char *with)
{
	struct buf err = { 0 };

	return add_step(p, name, step_redact(what, n, with, &err), &err);
}

int
weft_pipeline_set(weft_pipeline *p, const char *name, const char *field, const char *value)
{
	struct buf err = { 0 };

	return add_step(p, name, step_set(field, value, &err), &err);
}

int
weft_pipeline_table(weft_pipeline *p, const char *name, const char *csv, const char *column,
    const char *by, const char *prefix)
{
	struct buf err = { 0 };

	return add_step(p, name, step_table(csv, column, by, prefix, &err), &err);
}

int
weft_pipeline_geoip(weft_pipeline *p, const char *name, const char *mmdb, const char *by,
    const char *prefix)
{
	struct buf err = { 0 };

	return add_step(p, name, step_geoip(mmdb, by, prefix, &err), &err);
}

int
weft_pipeline_rdns(weft_pipeline *p, const char *name, const char *by, const char *field,
    int64_t timeout, int64_t ttl)
{
	struct buf err = { 0 };

	return add_step(p, name, step_rdns(by, field, timeout, ttl, &err), &err);
}

int
weft_pipeline_step(weft_pipeline *p, const char *name, weft_pipeline_fn *f, void *arg)
{
	struct buf err = { 0 };

	return add_step(p, name, step_call(f, arg), &err);
}

/* The same lines in the same format are rendered once, however many outputs want them. */
int
plan_rendering(struct plan *plan, const struct rendering *r)
{
	for (int i = 0; i < plan->nrenderings; i++) {
		struct rendering *o = &plan->renderings[i];

		if (o->users && o->format == r->format && o->dead == r->dead &&
		    strcmp(o->where_text, r->where_text) == 0 && strcmp(o->from, r->from) == 0)
			return i;
	}
	return -1;
}

static int
format_of(const struct weft_output_options *o)
{
	switch (o->format) {
	case WEFT_OUTPUT_JSON:
		return RENDER_JSON;
	case WEFT_OUTPUT_LOGFMT:
		return RENDER_LOGFMT;
	case WEFT_OUTPUT_TEXT:
		return RENDER_TEXT;
	case WEFT_OUTPUT_PRETTY:
		return RENDER_COLOR;
	case WEFT_OUTPUT_RAW:
		return RENDER_RAW;
	case WEFT_OUTPUT_SYSLOG:
		return RENDER_SYSLOG;
	case WEFT_OUTPUT_SYSLOG_BSD:
		return RENDER_SYSLOG_BSD;
	}
	if (o->dead)
		return RENDER_LETTER;
	if (o->syslog)
		return RENDER_SYSLOG;
	if (o->http && o->http->shape == WEFT_HTTP_LOKI)
		return RENDER_LOKI;
	return o->standard_output && isatty(STDOUT_FILENO) ? RENDER_COLOR : RENDER_JSON;
}

static bool
shows_fields(int format)
{
	return format == RENDER_LOGFMT || format == RENDER_SYSLOG;
}

/* Adds what o wants to the plan; its number, or an error. */
static int
add_rendering(weft_pipeline *p, const struct weft_output_options *o, struct buf *err)
{
	struct plan *plan = &p->plan;
	struct rendering r = {
		.format = o->dead ? RENDER_LETTER : format_of(o), .dead = o->dead,
		.where_text = (char *)(o->where ? o->where : ""),
		.from = (char *)(o->from ? o->from : ""),
	};
	int i = plan_rendering(plan, &r);

	if (i < 0) {
		if (o->where) {
			r.where = expr_new(o->where, &p->wants, err);
			if (!r.where)
				return -EINVAL;
		}
		p->wants.fields |= shows_fields(r.format);
		r.where_text = xstrdup(r.where_text);
		r.from = xstrdup(r.from);
		i = plan->nrenderings++;
		plan->renderings[i] = r;
	}
	plan->renderings[i].users++;
	return i;
}

struct sink *
output_sink(const struct weft_output_options *o, struct buf *err)
{
	int kinds = o->standard_output + !!o->file + !!o->syslog + !!o->http + !!o->call;

	if (kinds != 1) {
		buf_adds(err, "give it one of stdout, file, syslog, http, call");
		return NULL;
	}
	if (o->dead && !o->file) {
		buf_adds(err, "dead letters go to a file");
		return NULL;
	}
	if (o->file)
		return sink_file(o->file, err);
	if (o->syslog)
		return sink_syslog(o->syslog, err);
	if (o->http)
		return sink_http(o->http, err);
	return o->call ? sink_call(o->call, o->arg) : sink_fd(STDOUT_FILENO);
}

static int
check_output(weft_pipeline *p, const char *name, const struct weft_output_options *opt)
{
	if (p->plan.noutputs == MAX_OUTPUTS)
		return refuse(p, -E2BIG, "there can be at most %d outputs", MAX_OUTPUTS);
	for (int i = 0; i < p->plan.noutputs; i++)
		if (strcmp(p->plan.outputs[i]->name, name) == 0)
			return refuse(p, -EEXIST, "there are two outputs named %s", name);
	if (opt->dead && p->plan.dead)
		return refuse(p, -EEXIST, "two outputs for dead letters: %s and %s",
		    p->plan.dead->name, name);
	if (opt->when_full == WEFT_SPILL && !p->statedir)
		return refuse(p, -EINVAL, "output %s: a disk queue (spill) needs a state "
		    "directory; name one by state:", name);
	if (opt->when_full == WEFT_SPILL && p->opt.unordered)
		return refuse(p, -EINVAL, "output %s: a disk queue (spill) keeps the order of lines; "
		    "take order: none away", name);
	return 0;
}

static struct output *
output_new(weft_pipeline *p, const char *name, const struct weft_output_options *opt)
{
	struct output *o = xcalloc(1, sizeof(*o));

	o->p = p;
	o->name = xstrdup(name);
	o->spec = output_spec(opt);
	output_options_copy(&o->opt, opt);
	if (opt->syslog || opt->http)
		o->breaker = weft_breaker_new((weft_breaker_options){
		    .consecutive = 10, .open_for = 2 * WEFT_SECOND });
	o->slot = p->plan.noutputs;
	queue_init(&o->queue, 0);
	return o;
}

int
weft_pipeline_output(weft_pipeline *p, const char *name, const struct weft_output_options *opt)
{
	struct buf err = { 0 };
	struct output *o;
	struct sink *sink;
	int rendering, e = check_output(p, name, opt);

	if (e)
		return e;
	sink = output_sink(opt, &err);
	rendering = sink ? add_rendering(p, opt, &err) : -EINVAL;
	if (rendering < 0) {
		sink_close(sink);
		refuse(p, rendering, "output %s: %s", name, buf_str(&err));
		buf_finish(&err);
		return rendering;
	}
	o = output_new(p, name, opt);
	o->sink = sink;
	o->rendering = rendering;
	p->plan.outputs[p->plan.noutputs++] = o;
	if (opt->dead)
		p->plan.dead = o;
	buf_finish(&err);
	return 0;
}
