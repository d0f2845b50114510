namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch

/// Rows of named columns in one tensor per column. Storage doubles as it fills; at the capacity it becomes a ring, so that
/// an append costs what its rows cost. Safe for a thread that appends and others that read.
/// name: for messages. capacity: the most rows, 0 for no limit.
[<Sealed>]
type Pool(name: string, capacity: int64) =

    let gate = obj ()
    // [allocated, ...] each; logical row i lies at (start + i) % allocated.
    let columns = SortedDictionary<string, torch.Tensor>(StringComparer.Ordinal)
    let mutable start = 0L
    let mutable count = 0L
    let mutable allocated = 0L

    let refuse (what: string) =
        let known = String.concat ", " columns.Keys
        Fail.error RunErrors.PoolMisuse $"Pool '{name}' with columns [{known}] and {count} rows: {what}."

    let rowShape (tensor: torch.Tensor) = Array.skip 1 tensor.shape

    let shapeText (shape: int64[]) = TensorText.Shape(ReadOnlySpan shape)

    let checkColumn (column: string) (added: int64) (rows: torch.Tensor) =
        if rows.dim () = 0L || rows.shape[0] <> added then
            refuse
                $"column '{column}' got {TensorText.Describe rows}, {added} rows were expected as in the first column"

        match columns.TryGetValue column with
        | true, storage when storage.dtype <> rows.dtype || rowShape storage <> rowShape rows ->
            refuse
                $"column '{column}' holds {storage.dtype} rows {shapeText (rowShape storage)}, got {rows.dtype} rows {shapeText (rowShape rows)}"
        | true, _ -> ()
        | _ when columns.Count > 0 -> refuse $"there is no column '{column}'"
        | _ -> ()

    let check (rows: IReadOnlyDictionary<string, torch.Tensor>) =
        if rows.Count = 0 then
            refuse "an append without columns"

        let first = Seq.head rows.Values
        let added = if first.dim () = 0L then 0L else first.shape[0]

        for entry in rows do
            checkColumn entry.Key added entry.Value

        if columns.Count > 0 && rows.Count < columns.Count then
            let missing =
                columns.Keys |> Seq.filter (rows.ContainsKey >> not) |> String.concat ", "

            refuse $"the rows lack the columns {missing}"

        added

    /// The rows in order: a view where they lie in one piece.
    let inOrder (storage: torch.Tensor) =
        let head = min count (allocated - start)

        if head = count then
            storage.narrow (0L, start, count)
        else
            torch.cat ([| storage.narrow (0L, start, head); storage.narrow (0L, 0L, count - head) |], 0L)

    let grow (needed: int64) (like: IReadOnlyDictionary<string, torch.Tensor>) =
        let doubled = max 16L (2L * allocated)
        let room = max needed (if capacity > 0L then min doubled capacity else doubled)

        let larger =
            [
                for entry in like do
                    let shape = Array.append [| room |] (rowShape entry.Value)

                    let storage =
                        torch.empty (shape, dtype = entry.Value.dtype, device = entry.Value.device)

                    if columns.ContainsKey entry.Key && count > 0L then
                        storage.narrow(0L, 0L, count).copy_(inOrder columns[entry.Key]) |> ignore

                    entry.Key, storage
            ]

        for key, storage in larger do
            if columns.ContainsKey key then
                columns[key].Dispose()

            columns[key] <- storage.DetachFromDisposeScope()

        start <- 0L
        allocated <- room

    /// Copies rows [from, from + length) of the source to the logical row at, in one piece or around the ring's end.
    let write (storage: torch.Tensor) (source: torch.Tensor) (at: int64) =
        let length = source.shape[0]
        let first = (start + at) % allocated
        let head = min length (allocated - first)
        storage.narrow(0L, first, head).copy_(source.narrow (0L, 0L, head)) |> ignore

        if head < length then
            storage.narrow(0L, 0L, length - head).copy_(source.narrow (0L, head, length - head))
            |> ignore

    let append (rows: IReadOnlyDictionary<string, torch.Tensor>) =
        use _noGrad = torch.no_grad ()
        use _scope = torch.NewDisposeScope()
        let added = check rows
        let limit = if capacity > 0L then capacity else Int64.MaxValue
        // Of more rows than fit, only the last ones would stay.
        let skipped = max 0L (added - limit)
        let taken = added - skipped
        let needed = min limit (count + taken)

        if columns.Count = 0 || needed > allocated then
            grow needed (if columns.Count = 0 then rows else columns)

        if taken > 0L then
            for entry in rows do
                write columns[entry.Key] (entry.Value.detach().narrow(0L, skipped, taken)) count

        start <- (start + (count + taken - needed)) % max 1L allocated
        count <- needed

    let release () =
        for storage in columns.Values do
            storage.Dispose()

        columns.Clear()
        start <- 0L
        count <- 0L
        allocated <- 0L

    let physical (rows: torch.Tensor) =
        if rows.dim () <> 1L || rows.dtype <> torch.ScalarType.Int64 then
            refuse $"row numbers are {TensorText.Describe rows}, int64 [K] was expected"

        if rows.NumberOfElements > 0L then
            let lowest, highest = rows.min().item<int64>(), rows.max().item<int64>()

            if lowest < 0L || highest >= count then
                refuse $"rows {lowest} to {highest} were asked for"

        if start = 0L then
            rows
        else
            rows.add(start.ToScalar()).remainder(allocated.ToScalar())

    let read (column: string) (rows: torch.Tensor) =
        match columns.TryGetValue column with
        | true, storage ->
            use _noGrad = torch.no_grad ()
            use _scope = torch.NewDisposeScope()
            storage.index_select(0L, physical(rows).``to`` storage.device).MoveToOuterDisposeScope()
        | _ -> refuse $"there is no column '{column}'"

    /// The most rows, 0 for no limit.
    member _.Capacity = capacity

    /// Bytes of one row of every column.
    member internal _.BytesPerRow =
        lock gate (fun () ->
            if allocated = 0L then
                0.0
            else
                columns.Values
                |> Seq.sumBy (fun t -> float (t.numel () / allocated) * float t.ElementSize))

    /// The columns' rows in order: views, or copies that belong to the current dispose scope.
    member internal _.Export() : (string * torch.Tensor) list =
        lock gate (fun () ->
            use _noGrad = torch.no_grad ()
            [ for entry in columns -> entry.Key, inOrder entry.Value ])

    /// Takes columns over, whose tensors it owns from now on.
    member internal _.Import(rows: (string * torch.Tensor) list) =
        lock gate (fun () ->
            release ()

            for column, tensor in rows do
                columns[column] <- tensor.DetachFromDisposeScope()
                count <- tensor.shape[0]
                allocated <- count)

    interface IPool with
        member _.Count = lock gate (fun () -> count)

        member _.Columns =
            lock gate (fun () -> Seq.toArray columns.Keys :> IReadOnlyCollection<string>)

        member _.Append rows = lock gate (fun () -> append rows)
        member _.Read(column, rows) = lock gate (fun () -> read column rows)
        member _.Clear() = lock gate release

    /// Frees the rows.
    member _.Dispose() = lock gate release

    interface IDisposable with
        member this.Dispose() = this.Dispose()
