package durable

const sysSyncFS = 306
