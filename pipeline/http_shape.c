/*
 * http_shape.c - what requests look like, and what answers mean
 *
 * Records come rendered: JSON objects, or entries for Loki.  Only what stands around them is
 * made here.
 */
#include "http_shape.h"

#include <jansson.h>
#include <stdlib.h>

#include "render.h"

/* Nothing that answers has more brackets open; jansson's parser calls itself for each. */
#define DEPTH	64

static bool
is_label(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool letter = (p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z';

		if (!letter && p[i] != '_' && !(i && p[i] >= '0' && p[i] <= '9'))
			return false;
	}
	return len > 0;
}

static int
add_label(struct http_shape *s, const char *text, struct buf *err)
{
	const char *equals = strchr(text, '=');
	struct label *l;
	int error;

	if (!equals || !is_label(text, equals - text)) {
		buf_printf(err, "labels: \"%s\" is not name=value, the name of letters, digits "
		    "and _", text);
		return -EINVAL;
	}
	s->labels = xrealloc(s->labels, (s->nlabels + 1) * sizeof(*s->labels));
	l = &s->labels[s->nlabels];
	error = outname_init(&l->value, equals + 1, OUTNAME_AS_IS, err);
	if (error)
		return error;
	l->name = xstrdup(text);
	l->name[equals - text] = '\0';
	s->nlabels++;
	return 0;
}

static int
add_labels(struct http_shape *s, const char *const *labels, struct buf *err)
{
	static const char *const usual[] = { "source={source}", "host={host}", NULL };
	int error = 0;

	for (const char *const *l = labels && *labels ? labels : usual; *l && !error; l++)
		error = add_label(s, *l, err);
	return error;
}

int
http_shape_init(struct http_shape *s, const struct weft_http_options *o, struct buf *err)
{
	int error = 0;

	*s = (struct http_shape){ .kind = o->shape };
	if (s->kind == WEFT_HTTP_ELASTICSEARCH && o->index)
		error = outname_init(&s->index, o->index, OUTNAME_INDEX, err);
	if (s->kind == WEFT_HTTP_LOKI)
		error = add_labels(s, o->labels, err);
	if (error)
		http_shape_finish(s);
	return error;
}

void
http_shape_finish(struct http_shape *s)
{
	outname_finish(&s->index);
	for (int i = 0; i < s->nlabels; i++) {
		free(s->labels[i].name);
		outname_finish(&s->labels[i].value);
	}
	free(s->labels);
	s->labels = NULL;
	s->nlabels = 0;
}

const char *
http_shape_type(const struct http_shape *s)
{
	return s->kind == WEFT_HTTP_ARRAY || s->kind == WEFT_HTTP_LOKI ? "application/json" :
	    "application/x-ndjson";
}

void
http_shape_url(const struct http_shape *s, const char *url, struct buf *out)
{
	buf_adds(out, url ? url : "");
	if (url && s->kind == WEFT_HTTP_ELASTICSEARCH && !strstr(url, "filter_path="))
		buf_printf(out, "%cfilter_path=errors,items.*.status,items.*.error",
		    strchr(url, '?') ? '&' : '?');
}

static void
add_record(struct buf *out, const struct parcel *p, uint32_t i, bool newline)
{
	size_t from = parcel_offset(p, i), len = p->ends[i] - from;

	buf_add(out, p->data + from, len - !newline);
}

static void
add_list(struct buf *out, const struct parcel *p, const uint32_t *picked, uint32_t n)
{
	buf_addc(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		add_record(out, p, picked[i], false);
	}
	buf_addc(out, ']');
}

static void
add_stream(struct http_shape *s, struct buf *out, const struct parcel *p)
{
	struct buf value = { 0 };

	buf_adds(out, "{\"streams\":[{\"stream\":{");
	for (int i = 0; i < s->nlabels; i++) {
		value.len = 0;
		outname_expand(&s->labels[i].value, &value, p->received, p->source, p->host);
		buf_printf(out, "%s\"%s\":", i ? "," : "", s->labels[i].name);
		render_string(out, value.data, value.len);
	}
	buf_adds(out, "},\"values\":");
	buf_finish(&value);
}

static void
add_bulk(struct http_shape *s, struct buf *out, const struct parcel *p,
    const uint32_t *picked, uint32_t n)
{
	struct buf action = { 0 }, index = { 0 };

	buf_adds(&action, "{\"create\":{");
	if (s->index.text) {
		outname_expand(&s->index, &index, p->received, p->source, p->host);
		buf_adds(&action, "\"_index\":");
		render_string(&action, index.data, index.len);
	}
	buf_adds(&action, "}}\n");
	for (uint32_t i = 0; i < n; i++) {
		buf_add(out, action.data, action.len);
		add_record(out, p, picked[i], true);
	}
	buf_finish(&index);
	buf_finish(&action);
}

void
http_shape_body(struct http_shape *s, struct buf *out, const struct parcel *p,
    const uint32_t *picked, uint32_t n)
{
	out->len = 0;
	switch (s->kind) {
	case WEFT_HTTP_ARRAY:
		add_list(out, p, picked, n);
		return;
	case WEFT_HTTP_ELASTICSEARCH:
		add_bulk(s, out, p, picked, n);
		return;
	case WEFT_HTTP_LOKI:
		add_stream(s, out, p);
		add_list(out, p, picked, n);
		buf_adds(out, "}]}");
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		add_record(out, p, picked[i], true);
}

static bool
is_shallow(const char *p, size_t len)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < len && depth <= DEPTH; i++)
		if (quoted && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			quoted = !quoted;
		else if (!quoted && (p[i] == '[' || p[i] == '{'))
			depth++;
		else if (!quoted && (p[i] == ']' || p[i] == '}'))
			depth--;
	return depth <= DEPTH;
}

/* {"type":"t","reason":"r"}, or a text, of old versions. */
static char *
reason_of(int status, json_t *error)
{
	const char *type = json_string_value(json_object_get(error, "type"));
	const char *reason = json_string_value(json_object_get(error, "reason"));
	struct buf b = { 0 };

	if (json_is_string(error))
		reason = json_string_value(error);
	buf_printf(&b, "%d%s%s%s%s", status, type ? " " : "", type ? type : "",
	    reason ? ": " : "", reason ? reason : "");
	buf_str(&b);
	return b.data;
}

/* Busy, or told no for a reason that an operator can change: they may be taken another time. */
static bool
may_pass(int status)
{
	return status == 429 || status >= 500 || status == 401 || status == 403 || status == 404;
}

static bool
judge(json_t *item, struct verdict *v, struct buf *why)
{
	json_t *result = json_object_iter_value(json_object_iter(item));
	int status = json_integer_value(json_object_get(result, "status"));

	if (status < 200 || status > 599)
		return false;
	if (status < 300) {
		v->fate = RECORD_TAKEN;
		return true;
	}
	char *reason = reason_of(status, json_object_get(result, "error"));

	if (!may_pass(status)) {
		v->fate = RECORD_REFUSED;
		v->why = reason;
		return true;
	}
	if (why->len == 0)
		buf_adds(why, reason);
	free(reason);
	return true;
}

static int
judge_all(json_t *root, struct verdict *const *v, uint32_t n, struct buf *why)
{
	json_t *items = json_object_get(root, "items");

	if (json_is_false(json_object_get(root, "errors"))) {
		for (uint32_t i = 0; i < n; i++)
			v[i]->fate = RECORD_TAKEN;
		return 0;
	}
	if (!json_is_array(items) || json_array_size(items) != n)
		return -EPROTO;
	for (uint32_t i = 0; i < n; i++)
		if (!judge(json_array_get(items, i), v[i], why))
			return -EPROTO;
	return 0;
}

int
http_shape_items(const char *answer, size_t len, struct verdict *const *v, uint32_t n,
    struct buf *why)
{
	json_error_t error;
	json_t *root = is_shallow(answer, len) ? json_loadb(answer, len, 0, &error) : NULL;
	int err = root ? judge_all(root, v, n, why) : -EPROTO;

	json_decref(root);
	return err;
}
