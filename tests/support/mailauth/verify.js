// Verifies DKIM signatures with mailauth. Each line of stdin is {"raw": base64 mail, "txt": {name: record}};
// each answer is one line of stdout: a list of booleans, whether each signature passes, from the top.
import { createInterface } from 'node:readline';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';

const zone = (records) => async (name) => {
    if (name in records) return [[records[name]]];
    throw Object.assign(new Error(`no record at ${name}`), { code: 'ENOTFOUND' });
};

for await (const line of createInterface({ input: process.stdin })) {
    const { raw, txt } = JSON.parse(line);
    const { results } = await dkimVerify(Buffer.from(raw, 'base64'), { resolver: zone(txt), minBitLength: 2048 });
    console.log(JSON.stringify(results.map(({ status }) => status.result === 'pass')));
}
