namespace KdPlugins.SelectiveFd

open System
open TorchSharp
open KdPlugins.Core

/// Some samples of a source, by their numbers in it. withTargets: false for samples whose targets nobody may see.
[<Sealed>]
type internal PartSource(source: IDataSource, numbers: int64[], withTargets: bool) =

    interface IDataSource with
        member _.Count = numbers.LongLength

        member _.Read indices =
            let batch =
                source.Read(ReadOnlyMemory(Array.map (fun i -> numbers[int i]) (indices.ToArray())))

            let target =
                if withTargets then
                    batch.Target
                else
                    NoTarget batch.Count :> Target

            Batch(batch.Input, batch.Mask, target, torch.tensor (indices.ToArray()), null)

/// Which samples are whose: for each client, the places of its samples in labels, in order. Every place is in one client's.
[<AbstractClass; Sealed>]
type Partition private () =

    // The members of each class, in an order that is drawn.
    static let shuffled (key: RandomKey) (places: int64 seq) =
        places |> Seq.sortBy (fun i -> key.Derive(i).Value) |> Seq.toArray

    static let byClass (labels: int64[]) (key: RandomKey) =
        Seq.init labels.Length int64
        |> Seq.groupBy (fun i -> labels[int i])
        |> Seq.sortBy fst
        |> Seq.map (fun (label, members) -> label, shuffled (key.Derive("order").Derive label) members)
        |> Seq.toArray

    // Consecutive pieces that end at these shares.
    static let cut (members: int64[]) (ends: double[]) =
        let place (share: double) = int (Math.Round(share * float members.Length))

        let ends =
            Array.append (ends[.. ends.Length - 2] |> Array.map place) [| members.Length |]

        Array.pairwise (Array.append [| 0 |] ends)
        |> Array.map (fun (first, next) -> members[first .. next - 1])

    static let gather (clients: int) (pieces: (int * int64[]) seq) =
        let found = Array.init clients (fun _ -> ResizeArray<int64>())

        for client, members in pieces do
            found[client].AddRange members

        found |> Array.map (fun members -> Seq.sort members |> Seq.toArray)

    /// Each class in shares drawn from Dirichlet(alpha, ..., alpha). labels: a class for each sample. alpha: above 0.
    static member Dirichlet(labels: int64[], clients: int, alpha: double, key: RandomKey) : int64[][] =
        byClass labels key
        |> Seq.collect (fun (label, members) ->
            use _ = torch.NewDisposeScope()
            use draws = key.Derive("shares").Derive(label).NewGenerator torch.CPU

            let concentration =
                torch.full ([| int64 clients |], alpha.ToScalar(), torch.ScalarType.Float64)

            let shares =
                torch.distributions.Dirichlet(concentration, draws).sample().data<double>().ToArray()

            cut members (shares |> Array.scan (+) 0.0 |> Array.tail)
            |> Seq.indexed
            |> Seq.toArray)
        |> gather clients

    /// Each client has so many classes, clients that share one have equal parts of it. each: at most the number of classes;
    /// clients * each: at least that.
    static member Classes(labels: int64[], clients: int, each: int, key: RandomKey) : int64[][] =
        let classes = byClass labels key
        let order = shuffled (key.Derive "classes") (Seq.init classes.Length int64)
        let holders = Array.init classes.Length (fun _ -> ResizeArray<int>())

        for place in 0 .. clients * each - 1 do
            holders[int order[place % classes.Length]].Add(place / each)

        Seq.zip classes holders
        |> Seq.collect (fun ((_, members), holders) ->
            let ends = Array.init holders.Count (fun i -> float (i + 1) / float holders.Count)
            Seq.zip holders (cut members ends) |> Seq.toArray)
        |> gather clients
