/*
 * render.h - lines as they are written to outputs and dead-letter files
 *
 * A record ends in a newline, and there is none inside but in RENDER_RAW, RENDER_TEXT and
 * RENDER_COLOR of a line that was read as several.  Fields: in formats other than JSON all of
 * a line's, in JSON those that steps have added, for its text has the others; IS_CHANGED: all of
 * them, instead of the text.  RENDER_LOGFMT and RENDER_SYSLOG want the fields of JSON parsed
 * (struct wants), or the whole text is their message.
 */
#ifndef WEFT_PIPELINE_RENDER_H
#define WEFT_PIPELINE_RENDER_H

#include "batch.h"
#include "when.h"

/* Where a line came from, once per source: what enrichment adds to each. */
struct origin {
	struct buf	host, source;	/* as they are                             */
	struct buf	stream;		/* ,"origin":"path or address", or nothing */
	struct buf	prefix;		/* {"host":"h","source":"s","origin":"p","seq": */
};
/* stream: the name of this one of the source's streams; not said if it is the source's */
void	origin_init(struct origin *o, const char *host, const char *source, const char *stream);
void	origin_finish(struct origin *o);

/* The engine's to say: of the batch's source, and its stream's name (a path, an address). */
const struct origin *batch_origin(const struct batch *b);
const char *batch_stream_name(const struct batch *b);

/* Appends one line, newline included, to out; number is its place in the source. */
void	render_line(struct buf *out, int format, const struct batch *b, const struct line *l,
	    uint64_t number, struct when *w);
/* The same for those who have the origin; not RENDER_LETTER. */
void	render_record(struct buf *out, int format, const struct origin *o, const struct batch *b,
	    const struct line *l, uint64_t number, struct when *w);

/* Building blocks. */
void	render_number(struct buf *out, uint64_t n);
void	render_string(struct buf *out, const char *p, size_t len);	/* with quotes */
void	render_escaped(struct buf *out, const char *p, size_t len);	/* without */

/* render_text.c, render_logfmt.c, render_syslog.c: a format each, without the newline. */
void	render_text(struct buf *out, const struct origin *o, const struct batch *b,
	    const struct line *l, bool color);
void	render_logfmt(struct buf *out, const struct origin *o, const struct batch *b,
	    const struct line *l, uint64_t number);
void	render_syslog(struct buf *out, const struct origin *o, const struct batch *b,
	    const struct line *l, struct when *w);
void	render_syslog_bsd(struct buf *out, const struct origin *o, const struct batch *b,
	    const struct line *l, struct when *w);

/* fields.c */
#define EACH_FIELD(f, b, l) const struct field *f = (b)->fields + (l)->field, \
	*f##_end = f + (l)->nfields; f < f##_end; f++
/* A part of the line as plain text: in room if it has to be unescaped, else where it is. */
const char *line_part(struct buf *room, const struct line *l, struct slice s, size_t *len);
const char *field_text(struct buf *room, const struct field *f, size_t *len);
const char *field_key(struct buf *room, const struct line *l, const struct field *f,
	    size_t *len);
/* Is it the line's time, host, tag or message, which go by those names already? */
bool	field_is_said(const struct line *l, const struct field *f);
/* Does a later one of the line have its name? */
bool	field_is_hidden(const struct batch *b, const struct line *l, const struct field *f);
/* Are the members of a JSON line among its fields?  Other lines: yes. */
bool	line_has_fields(const struct batch *b, const struct line *l);
/* The message; of JSON without one, or whose other members nobody has parsed, the text. */
const char *line_message(struct buf *room, const struct batch *b, const struct line *l,
	    size_t *len);
/* When it was: what it says, or when it was read. */
int64_t	line_time(struct when *w, const struct batch *b, const struct line *l);

#endif
