/**
 * Every way a join request ends, and what everybody is answered then.
 *
 * The guest is the one whose request ends. The other guest is pending at the same link, the member came in through it, and a
 * newcomer has no user id yet. "Open" is what they are connected with at that moment. A cell is the status with the type of the
 * problem and, in brackets, the state; or the events of a stream up to its end, with their reasons or names. A stream that "goes
 * on" receives the next message. The other guest and the newcomer are approved in the end if they are still pending.
 */
import { describe, expect, it } from 'vitest'
import { ENDINGS, play } from './endings.ts'

const OF_THE_REQUEST = `
|                                   | declined                     | removed                                      | withdrawn                   | left                                   |
| --------------------------------- | ---------------------------- | -------------------------------------------- | --------------------------- | -------------------------------------- |
| guest's open wait at the link     | 403 declined (declined)      | -                                            | 403 left (closed)           | -                                      |
| guest's open stream of the link   | declined (declined), end     | -                                            | closed (left), end          | -                                      |
| guest exchanges the link          | 403 declined (declined)      | 403 declined (declined)                      | 403 left (closed)           | 403 left (closed)                      |
| guest exchanges it with ?wait     | 403 declined (declined)      | 403 declined (declined)                      | 403 left (closed)           | 403 left (closed)                      |
| guest resumes after pending       | declined (declined), end     | declined (declined), end                     | closed (left), end          | closed (left), end                     |
| guest resumes after approved      | declined (declined), end     | declined (declined), end                     | closed (left), end          | closed (left), end                     |
| guest resumes after declined      | 204                          | 204                                          | closed (left), end          | closed (left), end                     |
| guest resumes after closed        | declined (declined), end     | declined (declined), end                     | 204                         | 204                                    |
| guest gets the approval status    | 200 false                    | 200 false                                    | 200 false                   | 200 false                              |
| guest withdraws or leaves         | 204                          | 204                                          | 204                         | 204                                    |
| guest exchanges another link      | 403 not-this-guest           | 403 not-this-guest                           | 403 not-this-guest          | 403 not-this-guest                     |
| guest's open wait in the chat     | -                            | 403 not-a-member                             | -                           | 403 not-a-member                       |
| guest's open stream of the chat   | -                            | member_left (removed), closed (removed), end | -                           | member_left (left), closed (left), end |
| guest's open stream, replayed     | -                            | member_left (removed), closed (removed), end | -                           | member_left (left), closed (left), end |
| guest reads                       | 403 not-a-member             | 403 not-a-member                             | 403 not-a-member            | 403 not-a-member                       |
| guest reads with ?wait            | 403 not-a-member             | 403 not-a-member                             | 403 not-a-member            | 403 not-a-member                       |
| guest posts                       | 403 not-a-member             | 403 not-a-member                             | 403 not-a-member            | 403 not-a-member                       |
| guest repeats a post              | -                            | 403 not-a-member                             | -                           | 403 not-a-member                       |
| guest follows the chat            | 403 not-a-member             | 403 not-a-member                             | 403 not-a-member            | 403 not-a-member                       |
| guest follows it from the start   | 403 not-a-member             | 403 not-a-member                             | 403 not-a-member            | 403 not-a-member                       |
| guest lists links                 | 403 not-the-owner            | 403 not-the-owner                            | 403 not-the-owner           | 403 not-the-owner                      |
| guest lists join requests         | 403 not-the-owner            | 403 not-the-owner                            | 403 not-the-owner           | 403 not-the-owner                      |
| guest closes the chat             | 403 not-the-owner            | 403 not-the-owner                            | 403 not-the-owner           | 403 not-the-owner                      |
| guest approves their request      | 403 not-the-owner            | 403 not-the-owner                            | 403 not-the-owner           | 403 not-the-owner                      |
| other guest's open wait           | 200 approved                 | 200 approved                                 | 200 approved                | 200 approved                           |
| other guest's open stream         | approved, end                | approved, end                                | approved, end               | approved, end                          |
| other guest exchanges the link    | 202 pending                  | 202 pending                                  | 202 pending                 | 202 pending                            |
| newcomer's open wait at the link  | 200 approved                 | 200 approved                                 | 200 approved                | 200 approved                           |
| newcomer checks the link (HEAD)   | 200                          | 200                                          | 200                         | 200                                    |
| newcomer opens the link           | 202 pending                  | 202 pending                                  | 202 pending                 | 202 pending                            |
| newcomer opens it with ?wait      | -                            | -                                            | -                           | -                                      |
| newcomer sends an unknown id      | 403 not-this-guest           | 403 not-this-guest                           | 403 not-this-guest          | 403 not-this-guest                     |
| newcomer gets the approval status | 200 false                    | 200 false                                    | 200 false                   | 200 false                              |
| member's open wait                | 200                          | 200                                          | 200                         | 200                                    |
| member's open stream              | goes on                      | member_left (removed), goes on               | goes on                     | member_left (left), goes on            |
| member exchanges the link         | 200 approved                 | 200 approved                                 | 200 approved                | 200 approved                           |
| member reads                      | 200                          | 200                                          | 200                         | 200                                    |
| member posts                      | 201                          | 201                                          | 201                         | 201                                    |
| owner's open wait                 | 200                          | 200                                          | 200                         | 200                                    |
| owner's open stream               | join_declined (Ana), goes on | join_declined (Ana), goes on                 | join_closed (Ana), goes on  | join_closed (Ana), goes on             |
| owner sees the guest's request    | declined 12:01:00            | declined 12:01:00                            | closed 12:01:00             | closed 12:01:00                        |
| owner sees the other's request    | pending                      | pending                                      | pending                     | pending                                |
| owner sees the newcomer's request | pending                      | pending                                      | pending                     | pending                                |
| owner sees the member's request   | approved 12:00:00            | approved 12:00:00                            | approved 12:00:00           | approved 12:00:00                      |
| owner sees the link               | open, 2 pending, 1 in        | open, 2 pending, 1 in                        | open, 2 pending, 1 in       | open, 2 pending, 1 in                  |
| owner exchanges the link          | 200 approved                 | 200 approved                                 | 200 approved                | 200 approved                           |
| owner declines without a code     | 409 several-requests         | 409 several-requests                         | 409 several-requests        | 409 several-requests                   |
| owner declines the guest          | 200 declined                 | 200 declined                                 | 409 request-closed (closed) | 409 request-closed (closed)            |
| owner approves the guest          | 200 approved                 | 200 approved                                 | 409 request-closed (closed) | 409 request-closed (closed)            |
`

const OF_THE_LINK = `
|                                   | link expired                         | link revoked                         | link full                                                 |
| --------------------------------- | ------------------------------------ | ------------------------------------ | --------------------------------------------------------- |
| guest's open wait at the link     | 410 link-expired (closed)            | 410 link-revoked (closed)            | 410 link-full (closed)                                    |
| guest's open stream of the link   | closed (expired), end                | closed (revoked), end                | closed (full), end                                        |
| guest exchanges the link          | 410 link-expired (closed)            | 410 link-revoked (closed)            | 410 link-full (closed)                                    |
| guest exchanges it with ?wait     | 410 link-expired (closed)            | 410 link-revoked (closed)            | 410 link-full (closed)                                    |
| guest resumes after pending       | closed (expired), end                | closed (revoked), end                | closed (full), end                                        |
| guest resumes after approved      | closed (expired), end                | closed (revoked), end                | closed (full), end                                        |
| guest resumes after declined      | closed (expired), end                | closed (revoked), end                | closed (full), end                                        |
| guest resumes after closed        | 204                                  | 204                                  | 204                                                       |
| guest gets the approval status    | 200 false                            | 200 false                            | 200 false                                                 |
| guest withdraws or leaves         | 204                                  | 204                                  | 204                                                       |
| guest exchanges another link      | 403 not-this-guest                   | 403 not-this-guest                   | 403 not-this-guest                                        |
| guest's open wait in the chat     | -                                    | -                                    | -                                                         |
| guest's open stream of the chat   | -                                    | -                                    | -                                                         |
| guest's open stream, replayed     | -                                    | -                                    | -                                                         |
| guest reads                       | 403 not-a-member                     | 403 not-a-member                     | 403 not-a-member                                          |
| guest reads with ?wait            | 403 not-a-member                     | 403 not-a-member                     | 403 not-a-member                                          |
| guest posts                       | 403 not-a-member                     | 403 not-a-member                     | 403 not-a-member                                          |
| guest repeats a post              | -                                    | -                                    | -                                                         |
| guest follows the chat            | 403 not-a-member                     | 403 not-a-member                     | 403 not-a-member                                          |
| guest follows it from the start   | 403 not-a-member                     | 403 not-a-member                     | 403 not-a-member                                          |
| guest lists links                 | 403 not-the-owner                    | 403 not-the-owner                    | 403 not-the-owner                                         |
| guest lists join requests         | 403 not-the-owner                    | 403 not-the-owner                    | 403 not-the-owner                                         |
| guest closes the chat             | 403 not-the-owner                    | 403 not-the-owner                    | 403 not-the-owner                                         |
| guest approves their request      | 403 not-the-owner                    | 403 not-the-owner                    | 403 not-the-owner                                         |
| other guest's open wait           | 410 link-expired (closed)            | 410 link-revoked (closed)            | 410 link-full (closed)                                    |
| other guest's open stream         | closed (expired), end                | closed (revoked), end                | closed (full), end                                        |
| other guest exchanges the link    | 410 link-expired (closed)            | 410 link-revoked (closed)            | 410 link-full (closed)                                    |
| newcomer's open wait at the link  | 410 link-expired (closed)            | 410 link-revoked (closed)            | 410 link-full (closed)                                    |
| newcomer checks the link (HEAD)   | 410                                  | 410                                  | 410                                                       |
| newcomer opens the link           | 410 link-expired                     | 410 link-revoked                     | 410 link-full                                             |
| newcomer opens it with ?wait      | 410 link-expired                     | 410 link-revoked                     | 410 link-full                                             |
| newcomer sends an unknown id      | 403 not-this-guest                   | 403 not-this-guest                   | 403 not-this-guest                                        |
| newcomer gets the approval status | 200 true                             | 200 true                             | 200 true                                                  |
| member's open wait                | 200                                  | 200                                  | 200                                                       |
| member's open stream              | goes on                              | goes on                              | member_joined (Eve), goes on                              |
| member exchanges the link         | 200 approved                         | 200 approved                         | 200 approved                                              |
| member reads                      | 200                                  | 200                                  | 200                                                       |
| member posts                      | 201                                  | 201                                  | 201                                                       |
| owner's open wait                 | 200                                  | 200                                  | 200                                                       |
| owner's open stream               | join_closed (Ana, Ben, Cem), goes on | join_closed (Ana, Ben, Cem), goes on | join_approved (Eve), join_closed (Ana, Ben, Cem), goes on |
| owner sees the guest's request    | closed 12:01:00                      | closed 12:01:00                      | closed 12:01:00                                           |
| owner sees the other's request    | closed 12:01:00                      | closed 12:01:00                      | closed 12:01:00                                           |
| owner sees the newcomer's request | closed 12:01:00                      | closed 12:01:00                      | closed 12:01:00                                           |
| owner sees the member's request   | approved 12:00:00                    | approved 12:00:00                    | approved 12:00:00                                         |
| owner sees the link               | expired, 0 pending, 1 in             | revoked, 0 pending, 1 in             | full, 0 pending, 2 in                                     |
| owner exchanges the link          | 200 approved                         | 200 approved                         | 200 approved                                              |
| owner declines without a code     | 409 nobody-asked                     | 409 nobody-asked                     | 409 nobody-asked                                          |
| owner declines the guest          | 409 request-closed (closed)          | 409 request-closed (closed)          | 409 request-closed (closed)                               |
| owner approves the guest          | 409 request-closed (closed)          | 409 request-closed (closed)          | 409 request-closed (closed)                               |
`

const OF_THE_CHAT = `
|                                   | chat closed (pending), chat idle (pending) | chat closed (member), chat idle (member) |
| --------------------------------- | ------------------------------------------ | ---------------------------------------- |
| guest's open wait at the link     | 404 link-not-found                         | -                                        |
| guest's open stream of the link   | end                                        | -                                        |
| guest exchanges the link          | 404 link-not-found                         | 404 link-not-found                       |
| guest exchanges it with ?wait     | 404 link-not-found                         | 404 link-not-found                       |
| guest resumes after pending       | 404 link-not-found                         | 404 link-not-found                       |
| guest resumes after approved      | 404 link-not-found                         | 404 link-not-found                       |
| guest resumes after declined      | 404 link-not-found                         | 404 link-not-found                       |
| guest resumes after closed        | 404 link-not-found                         | 404 link-not-found                       |
| guest gets the approval status    | 404 link-not-found                         | 404 link-not-found                       |
| guest withdraws or leaves         | 404 link-not-found                         | 404 link-not-found                       |
| guest exchanges another link      | 404 link-not-found                         | 404 link-not-found                       |
| guest's open wait in the chat     | -                                          | 404 chat-not-found                       |
| guest's open stream of the chat   | -                                          | closed (chat_closed), end                |
| guest's open stream, replayed     | -                                          | closed (chat_closed), end                |
| guest reads                       | 404 chat-not-found                         | 404 chat-not-found                       |
| guest reads with ?wait            | 404 chat-not-found                         | 404 chat-not-found                       |
| guest posts                       | 404 chat-not-found                         | 404 chat-not-found                       |
| guest repeats a post              | -                                          | 404 chat-not-found                       |
| guest follows the chat            | 404 chat-not-found                         | 404 chat-not-found                       |
| guest follows it from the start   | 404 chat-not-found                         | 404 chat-not-found                       |
| guest lists links                 | 404 chat-not-found                         | 404 chat-not-found                       |
| guest lists join requests         | 404 chat-not-found                         | 404 chat-not-found                       |
| guest closes the chat             | 404 chat-not-found                         | 404 chat-not-found                       |
| guest approves their request      | 404 link-not-found                         | 404 link-not-found                       |
| other guest's open wait           | 404 link-not-found                         | 404 link-not-found                       |
| other guest's open stream         | end                                        | end                                      |
| other guest exchanges the link    | 404 link-not-found                         | 404 link-not-found                       |
| newcomer's open wait at the link  | 404 link-not-found                         | 404 link-not-found                       |
| newcomer checks the link (HEAD)   | 404                                        | 404                                      |
| newcomer opens the link           | 404 link-not-found                         | 404 link-not-found                       |
| newcomer opens it with ?wait      | 404 link-not-found                         | 404 link-not-found                       |
| newcomer sends an unknown id      | 404 link-not-found                         | 404 link-not-found                       |
| newcomer gets the approval status | 404 link-not-found                         | 404 link-not-found                       |
| member's open wait                | 404 chat-not-found                         | 404 chat-not-found                       |
| member's open stream              | closed (chat_closed), end                  | closed (chat_closed), end                |
| member exchanges the link         | 404 link-not-found                         | 404 link-not-found                       |
| member reads                      | 404 chat-not-found                         | 404 chat-not-found                       |
| member posts                      | 404 chat-not-found                         | 404 chat-not-found                       |
| owner's open wait                 | 404 chat-not-found                         | 404 chat-not-found                       |
| owner's open stream               | closed (chat_closed), end                  | closed (chat_closed), end                |
| owner sees the guest's request    | 404 chat-not-found                         | 404 chat-not-found                       |
| owner sees the other's request    | 404 chat-not-found                         | 404 chat-not-found                       |
| owner sees the newcomer's request | 404 chat-not-found                         | 404 chat-not-found                       |
| owner sees the member's request   | 404 chat-not-found                         | 404 chat-not-found                       |
| owner sees the link               | 404 chat-not-found                         | 404 chat-not-found                       |
| owner exchanges the link          | 404 link-not-found                         | 404 link-not-found                       |
| owner declines without a code     | 404 link-not-found                         | 404 link-not-found                       |
| owner declines the guest          | 404 link-not-found                         | 404 link-not-found                       |
| owner approves the guest          | 404 link-not-found                         | 404 link-not-found                       |
`

interface Cell {
  readonly ending: string
  readonly asker: string
  readonly expected: string
}

/** A column that is headed by two endings is that of both. */
function cellsOf(table: string): Cell[] {
  const [head = [], , ...rows] = table
    .trim()
    .split('\n')
    .map((row) =>
      row
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim())
    )
  return rows.flatMap(([asker = '', ...cells]) =>
    cells.flatMap((expected, column) =>
      (head[column + 1] ?? '').split(', ').map((ending) => ({ ending, asker, expected }))
    )
  )
}

const CELLS = [OF_THE_REQUEST, OF_THE_LINK, OF_THE_CHAT].flatMap(cellsOf)

describe.each(Object.entries(ENDINGS))('%s', (name, ending) => {
  const cells = CELLS.filter((cell) => cell.ending === name)
  /** Played once, in the first test of this ending that runs. */
  let played: ReturnType<typeof play> | undefined
  const answers = () => {
    played ??= play(ending)
    return played
  }

  it('has a cell for every answer', async () => {
    const askers = cells.map(({ asker }) => asker)
    expect([...(await answers()).keys()].filter((asker) => !askers.includes(asker))).toEqual([])
  })

  it.each(cells)('$asker: $expected', async ({ asker, expected }) => {
    expect((await answers()).get(asker) ?? '-').toBe(expected)
  })
})
