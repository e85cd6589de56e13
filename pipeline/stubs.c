#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>
#include "stage.h"
int source_file_check(const struct weft_source_options *o, struct buf *err){(void)o;(void)err;return 0;}
void source_file_run(weft_ctx *ctx, struct intake *in, const struct weft_source_options *o)
{
	const struct known_file *k = in->known(in);
	struct file_id id = { 1, 2, 3, 4, 5 };
	int fd = open(o->file, O_RDONLY);
	struct stream *st = in->open(in, o->file, k->row ? k : NULL, &id);
	uint64_t at = k->row ? k->at.offset : 0;
	uint64_t cut = 0;
	struct batch *b;
	while (!weft_err(ctx) && (b = in->get(in, st, in->batch))) {
		ssize_t n = pread(fd, b->bytes.data, in->batch, at);
		if (n <= 0) { batch_unref(b); break; }
		b->bytes.len = n;
		size_t took = split_lines(b, NULL, NULL, (size_t)n < in->batch, MAX_LINE, &cut);
		b->bytes.len = took; memset(b->bytes.data + took, '\n', BATCH_PAD);
		b->from = at; b->to = at + took; at += took;
		in->submit(in, st, b);
	}
	in->close(in, st, false, false);
	close(fd);
}
void source_stdin_run(weft_ctx *ctx, struct intake *in, const struct weft_source_options *o){(void)ctx;(void)in;(void)o;}
int source_syslog_check(const struct weft_source_options *o, struct buf *err){(void)o;(void)err;return 0;}
int source_syslog_listen(const struct weft_source_options *o, struct syslog_sockets **out, struct buf *err){(void)o;(void)out;(void)err;return 0;}
void source_syslog_run(weft_ctx *ctx, struct intake *in, struct syslog_sockets *s, const struct weft_source_options *o){(void)ctx;(void)in;(void)s;(void)o;}
void source_syslog_close(struct syslog_sockets *s){(void)s;}
struct expr *expr_new(const char *t, struct wants *w, struct buf *err){(void)t;(void)w;(void)err;return (void*)1;}
void expr_free(struct expr *e){(void)e;}
bool expr_true(const struct expr *e, struct scratch *s, const struct batch *b, const struct line *l){(void)e;(void)s;(void)b; return l->level >= WEFT_LEVEL_WARN;}
static void wrun(struct step*s, struct scratch*sc, struct batch*b){(void)s;(void)sc; for(size_t i=0;i<b->nlines;i++) if(b->lines[i].fate==KEPT&&b->lines[i].level<WEFT_LEVEL_INFO) b->lines[i].fate=FILTERED;}
static void wfree(struct step*s){free(s);}
struct step *step_where(const char*e,struct buf*err){(void)e;(void)err;struct step*s=xcalloc(1,sizeof*s);s->kind="where";s->run=wrun;s->free=wfree;return s;}
#define NOSTEP(n,...) struct step *n(__VA_ARGS__){return NULL;}
struct step *step_sample(double a,const char*b,struct buf*c){(void)a;(void)b;(void)c;return NULL;}
struct step *step_limit(int64_t a,int64_t b,int64_t c,const char*d,struct buf*e){(void)a;(void)b;(void)c;(void)d;(void)e;return NULL;}
struct step *step_dedup(int64_t a,const char*b,struct buf*c){(void)a;(void)b;(void)c;return NULL;}
struct step *step_redact(const char*const*a,int b,const char*c,struct buf*d){(void)a;(void)b;(void)c;(void)d;return NULL;}
struct step *step_set(const char*a,const char*b,struct buf*c){(void)a;(void)b;(void)c;return NULL;}
struct step *step_table(const char*a,const char*b,const char*c,const char*d,struct buf*e){(void)a;(void)b;(void)c;(void)d;(void)e;return NULL;}
struct step *step_geoip(const char*a,const char*b,const char*c,struct buf*d){(void)a;(void)b;(void)c;(void)d;return NULL;}
struct step *step_rdns(const char*a,const char*b,int64_t c,int64_t d,struct buf*e){(void)a;(void)b;(void)c;(void)d;(void)e;return NULL;}
struct step *step_call(weft_pipeline_fn*f,void*a){(void)f;(void)a;return NULL;}
void step_free(struct step*s){if(s){free(s->name);s->free(s);}}
struct sink *sink_syslog(const struct weft_syslog_options *o, struct buf *err){(void)o;(void)err;return NULL;}
struct sink *sink_http(const struct weft_http_options *o, struct buf *err){(void)o;(void)err;return NULL;}
