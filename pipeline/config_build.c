/*
 * config_build.c - a configuration made into a pipeline
 *
 * Every part is tried, also after others failed, so that all complaints come at once; each
 * goes to the value that is most likely meant.
 */
#include <stdlib.h>

#include "config_impl.h"
#include "expr.h"
#include "regex.h"

/*
 * What a text of the pipeline's is about: its options have their own names there.  Moves
 * *text past a name that the place says already.
 */
static const char *
subject(const struct config_item *i, const char **text)
{
	static const struct { const char *says, *key; } names[] = {
		{ "path: ", "file" }, { "listen: ", "syslog" }, { "url: ", "http" },
		{ "certificate ", "cert" }, { "key ", "key" }, { "ca ", "ca" },
	};

	for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
		size_t n = strlen(names[j].says);

		if (strncmp(*text, names[j].says, n) || !yaml_get(i->yaml, names[j].key))
			continue;
		*text += names[j].says[n - 2] == ':' ? n : 0;
		return names[j].key;
	}
	for (int j = 0; j < i->yaml->n; j++) {
		const char *key = i->yaml->key[j]->text;
		size_t n = strlen(key);

		if (strncmp(*text, key, n) || strncmp(*text + n, ": ", 2))
			continue;
		*text += n + 2;
		return key;
	}
	return NULL;
}

/* What the pipeline says about one part, without "step NAME: " in front: the place says that. */
static void
take_error(struct config *c, struct config_item *i, const char *key, weft_pipeline *p)
{
	const char *text = weft_pipeline_error(p), *colon = strstr(text, ": "), *about;
	size_t n = strlen(i->name);

	if (colon && colon > text + n + 1 && strncmp(colon - n, i->name, n) == 0 &&
	    colon[-(ssize_t)n - 1] == ' ' && !memchr(text, ' ', colon - n - 1 - text))
		text = colon + 2;
	about = subject(i, &text);
	complain(&c->complaints, config_place(i, about ? about : key), "%s", text);
	i->bad = true;
}

/* Texts with blanks between; a blank inside gets a backslash, if it has none. */
static const char *
blanks(struct config *c, const struct texts *t)
{
	struct buf all = { 0 };

	if (!t->n)
		return NULL;
	for (int i = 0; i < t->n; i++) {
		buf_adds(&all, i ? " " : "");
		for (const char *p = t->item[i]; *p; p++) {
			if (*p == ' ')
				buf_addc(&all, '\\');
			else if (*p == '\\' && p[1])
				buf_addc(&all, *p++);
			buf_addc(&all, *p);
		}
	}
	buf_str(&all);
	return reading_own(&c->reading, all.data);
}

static const char *
source_key(const struct config_source *s)
{
	if (s->o.regex || s->o.multiline)
		return s->o.regex ? "regex" : "multiline";
	return s->item.kind == SOURCE_FILE ? "file" : s->item.kind == SOURCE_SYSLOG ? "syslog" :
	    "stdin";
}

static void
add_source(struct config *c, weft_pipeline *p, struct config_source *s)
{
	s->o.file = blanks(c, &s->file);
	s->o.exclude = blanks(c, &s->exclude);
	s->o.listen = blanks(c, &s->syslog);
	s->o.standard_input = s->item.kind == SOURCE_STDIN;
	if (weft_pipeline_source(p, s->item.name, &s->o))
		take_error(c, &s->item, source_key(s), p);
}

/* A call for each field, and a place. */
static void
add_set(struct config *c, weft_pipeline *p, struct config_step *s)
{
	struct config_item one = s->item;

	one.yaml = yaml_get(s->item.yaml, "set");
	for (int i = 0; i < s->set.n; i++)
		if (weft_pipeline_set(p, one.name, s->set.name[i], s->set.value[i]))
			take_error(c, &one, s->set.name[i], p);
	s->item.bad = one.bad;
}

static int
call_step(weft_pipeline *p, struct config_step *s, const char **key)
{
	const char *name = s->item.name;

	switch (s->item.kind) {
	case STEP_WHERE:
		*key = "where";
		return weft_pipeline_where(p, name, s->text);
	case STEP_SAMPLE:
		*key = s->by ? "by" : "sample";
		return weft_pipeline_sample(p, name, s->share, s->by);
	case STEP_LIMIT:
		*key = s->by ? "per" : "limit";
		return weft_pipeline_limit(p, name, s->rate.events, s->rate.per, s->burst, s->by);
	case STEP_DEDUP:
		*key = s->by ? "by" : "dedup";
		return weft_pipeline_dedup(p, name, s->window, s->by);
	case STEP_REDACT:
		*key = "redact";
		return weft_pipeline_redact(p, name, s->redact.item, s->redact.n, s->with);
	case STEP_TABLE:
		*key = "table";
		return weft_pipeline_table(p, name, s->text, s->column, s->by, s->prefix);
	case STEP_GEOIP:
		*key = "geoip";
		return weft_pipeline_geoip(p, name, s->text, s->by, s->prefix);
	case STEP_RDNS:
		*key = "rdns";
		return weft_pipeline_rdns(p, name, s->text, s->into, s->timeout, s->ttl);
	}
	return 0;
}

static void
add_step(struct config *c, weft_pipeline *p, struct config_step *s)
{
	const char *key = NULL;

	if (s->item.kind == STEP_SET)
		add_set(c, p, s);
	else if (call_step(p, s, &key))
		take_error(c, &s->item, key, p);
}

/* An output's where has a place of its own, so it is looked at here first. */
static bool
good_where(struct config *c, struct config_output *o)
{
	struct wants wants = { 0 };
	struct buf why = { 0 };
	struct expr *e;

	if (!o->o.where)
		return true;
	e = expr_new(o->o.where, &wants, &why);
	if (!e)
		complain(&c->complaints, config_place(&o->item, "where"), "%s", buf_str(&why));
	buf_finish(&why);
	expr_free(e);
	o->item.bad |= !e;
	return e;
}

/* Only now: the command line may have given a state. */
static bool
can_spill(struct config *c, struct config_output *o)
{
	if (o->o.when_full != WEFT_SPILL || c->options.state)
		return true;
	complain(&c->complaints, config_place(&o->item, "when_full"),
	    "\"spill\" needs a directory for the disk queue: give the configuration a \"state\", "
	    "such as /var/lib/weft-pipeline");
	return false;
}

/* Of sources that are left out nobody needs to hear again. */
static bool
knows_sources(struct config *c, const struct config_output *o)
{
	for (int i = 0; i < o->from.n; i++) {
		struct config_source *s = config_source(c, o->from.item[i]);

		if (!s || s->item.bad)
			return false;
	}
	return true;
}

static void
add_output(struct config *c, weft_pipeline *p, struct config_output *o)
{
	static const char *const keys[] = {
		[OUTPUT_STDOUT] = "stdout", [OUTPUT_FILE] = "file", [OUTPUT_SYSLOG] = "syslog",
		[OUTPUT_HTTP] = "http"
	};

	if (!good_where(c, o) || !can_spill(c, o) || !knows_sources(c, o))
		return;
	o->o.standard_output = o->item.kind == OUTPUT_STDOUT;
	o->o.file = o->item.kind == OUTPUT_FILE ? &o->file : NULL;
	o->o.syslog = o->item.kind == OUTPUT_SYSLOG ? &o->syslog : NULL;
	o->o.http = o->item.kind == OUTPUT_HTTP ? &o->http : NULL;
	o->o.from = blanks(c, &o->from);
	if (weft_pipeline_output(p, o->item.name, &o->o))
		take_error(c, &o->item, keys[o->item.kind], p);
}

int
config_build(struct config *c, weft_pipeline **out, struct buf *err)
{
	weft_pipeline *p = weft_pipeline_new(&c->options);

	*out = NULL;
	for (int i = 0; i < c->nsources; i++)
		if (!c->sources[i].item.bad)
			add_source(c, p, &c->sources[i]);
	for (int i = 0; i < c->nsteps; i++)
		if (!c->steps[i].item.bad)
			add_step(c, p, &c->steps[i]);
	for (int i = 0; i < c->noutputs; i++)
		if (!c->outputs[i].item.bad)
			add_output(c, p, &c->outputs[i]);
	if (c->listen)
		weft_pipeline_listen(p, c->listen);
	if (config_errors(c, err)) {
		weft_pipeline_free(p);
		return -EINVAL;
	}
	*out = p;
	return 0;
}
