/*
 * trace.h - which lines belong to a stack trace, and to the line above it
 *
 * Java, Python, Go, C#, JavaScript, Ruby, PHP and Rust.  What is indented belongs to what is
 * above it; the rest is known by its words, some of them only in the place where they make sense.
 * A line of JSON is by itself: programs that log JSON have the trace inside.
 */
#ifndef WEFT_PIPELINE_TRACE_H
#define WEFT_PIPELINE_TRACE_H

#include <stdbool.h>
#include <stddef.h>

enum trace_state {
	TRACE_HEAD,		/* the line above could be anything              */
	TRACE_BODY,		/* indented lines have been seen                 */
	TRACE_CARET,		/* JavaScript: the last one points at a place    */
	TRACE_PYTHON,		/* after "Traceback": up to the error's own line */
	TRACE_PYTHON_END,	/* after that: perhaps another one caused it     */
	TRACE_PYTHON_CHAIN,	/* yes: another "Traceback" comes                */
	TRACE_GO,		/* after "panic:" or "goroutine"                 */
	TRACE_RUST		/* after "panicked at": its message comes next   */
};

struct trace {
	enum trace_state state;
	bool	 alone;		/* JSON */
	bool	 dated;		/* it begins with a time, so what does not is no new one */
	const char *first;	/* the line it begins with */
	size_t	 len;
};

void	trace_begin(struct trace *t, const char *line, size_t len);
/* Does it belong to what came since begin?  next: the line after it, NULL: none. */
bool	trace_goes_on(struct trace *t, const char *line, size_t len, const char *next,
	    size_t next_len);

#endif
