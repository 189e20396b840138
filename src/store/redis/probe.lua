#!lua
-- Writes nothing, but a server refuses it like a write: when it is full, read-only or without its replicas. Returns [time].
return {formatInteger(milliseconds())}
