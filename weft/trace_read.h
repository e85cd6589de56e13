/* trace_read.h - private: what the flight recorder has of all workers, by time */
#ifndef WEFT_TRACE_READ_H
#define WEFT_TRACE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_event {
	int64_t	 when;		/* on weft_now()'s clock */
	uint64_t value;
	size_t	 order;
	int	 worker;
	uint8_t	 kind;
};
struct trace_list { struct trace_event *at; size_t n, room; };

bool	trace_read(struct trace_list *l);	/* false: no memory */
void	trace_finish(struct trace_list *l);

#endif
