// Program: prints the rows of a table of an index as JSON, so that the test itself need not load LanceDB.
import assert from "node:assert/strict";
import { connect } from "@lancedb/lancedb";

const [storage, table] = process.argv.slice(2) as [string, string];
const connection = await connect(storage);
const name = (await connection.tableNames()).find((each) => each.startsWith(table));
const opened = await connection.openTable(name ?? assert.fail(`no table ${table}`));
process.stdout.write(JSON.stringify(await opened.query().toArray()));
