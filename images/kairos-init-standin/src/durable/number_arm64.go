package durable

const sysSyncFS = 267
