namespace KdPlugins.SelectiveFd

open System
open System.Collections.Generic
open KdPlugins.Core
open KdPlugins.Sdk

/// A client: its network and its data are its own.
[<NoEquality; NoComparison>]
type internal Client =
    {
        Role: string
        Source: string
        Trainable: Trainable
        /// The number of its samples of each class.
        Counts: int64[]
    }

    member this.Samples = Array.sum this.Counts

/// Everybody's data.
[<NoEquality; NoComparison>]
type internal Cohort =
    {
        Clients: Client[]
        Proxies: int64
        /// The classes of proxies, for reports alone; empty where they are not known.
        Hidden: int64[]
    }

module internal Cohort =

    let private countsOf (asker: Asker) (classes: int64) (labels: int64 seq) : int64[] =
        let counts = Array.zeroCreate (int classes)

        for label in labels do
            if label < 0L || label >= classes then
                raise (asker.Refusal(DataErrors.LabelOutOfRange, $"found the class {label} of {classes}."))

            counts[int label] <- counts[int label] + 1L

        counts

    let private requireAlike (asker: Asker) (context: IPlanContext) (source: string) (withClasses: bool) =
        let own, main = context.SourceData source, context.Data
        let shape (data: DataInfo) = String.Join(", ", data.InputShape)

        if shape own <> shape main || (withClasses && own.Classes <> main.Classes) then
            raise (
                asker.WrongShape(
                    $"has the source '{source}' of inputs [{shape own}] and {own.Classes} classes, the main data set [{shape main}] and {main.Classes}."
                )
            )

    // The proxies' classes, where they are known and those of the clients.
    let private proxies (asker: Asker) (context: IPlanContext) (o: SelectiveFdOptions) : int64[] =
        requireAlike asker context o.ProxySource false
        let own, main = context.SourceData o.ProxySource, context.Data

        if
            own.Target = TargetKind.ClassIndex
            && own.ClassNames.Count > 0
            && Seq.toArray own.ClassNames = Seq.toArray main.ClassNames
        then
            SampleClasses.Of(context.Samples o.ProxySource, string asker)
        else
            [||]

    // Some of the training samples as proxies: their classes, and the numbers of the others.
    let private holdOut (asker: Asker) (context: IPlanContext) (o: SelectiveFdOptions) (labels: int64[]) =
        if o.ProxySamples >= labels.Length then
            raise (
                asker.Refusal(
                    CoreErrors.NoSamples,
                    $"takes {o.ProxySamples} proxies of {labels.Length} training samples: none is left for clients."
                )
            )

        let key = context.Random.Derive "proxies"

        let ranked =
            Array.init labels.Length int64 |> Array.sortBy (fun i -> key.Derive(i).Value)

        let held, others = Array.splitAt o.ProxySamples ranked
        let held = Array.sort held
        context.AddSource(o.ProxySource, PartSource(context.Samples "train", held, false))
        held |> Array.map (fun i -> labels[int i]), Array.sort others

    let private deal
        (asker: Asker)
        (context: IPlanContext)
        (o: SelectiveFdOptions)
        (labels: int64[])
        (numbers: int64[])
        =
        let own = numbers |> Array.map (fun i -> labels[int i])
        let key = context.Random.Derive "split"

        let parts =
            if o.Split = Split.Dirichlet then
                Partition.Dirichlet(own, o.Clients, o.Alpha, key)
            else
                let classes = own |> Seq.distinct |> Seq.length

                if o.ClassesPerClient > classes || o.Clients * o.ClassesPerClient < classes then
                    raise (
                        asker.WrongCombination(
                            $"deals {classes} classes out to {o.Clients} clients of {o.ClassesPerClient}: every class is to be somebody's, and nobody's twice.",
                            "Change \"clients\" or \"classesPerClient\"."
                        )
                    )

                Partition.Classes(own, o.Clients, o.ClassesPerClient, key)

        for k, part in Seq.indexed parts do
            context.AddSource(
                $"client-{k + 1}",
                PartSource(context.Samples "train", part |> Array.map (fun i -> numbers[int i]), true)
            )

        parts |> Array.map (Array.map (fun i -> own[int i]))

    let private role (asker: Asker) (context: IPlanContext) (o: SelectiveFdOptions) (k: int) : string =
        let role = if k = 0 then o.Student else $"client-{k + 1}"

        if not (Seq.contains role context.Roles) then
            let network = context.NewNetwork(o.Student, context.Random.Derive role, 0L)
            context.AddRole(role, network, o.Student)

        let classes = (context.Network role).Shape.Classes

        if classes <> context.Data.Classes then
            raise (
                asker.WrongShape(
                    $"has the client '{role}' of {classes} classes, the data have {context.Data.Classes}: what clients say of a proxy is averaged."
                )
            )

        role

    /// The clients and the proxies of a plan; adds their roles and sources. Raises KDP0303 to KDP0306 for what does not go together,
    /// KDP0310 for a client of fewer than two samples, KDP0332 where a loss needs a teacher.
    let ofPlan (asker: Asker) (context: IPlanContext) (o: SelectiveFdOptions) (settings: Settings) : Cohort =
        Untaught.Require($"{asker} trains clients by their own data", context)
        let classes = context.Data.Classes

        if context.Data.Target <> TargetKind.ClassIndex || classes < 2L then
            raise (
                asker.Refusal(
                    CoreErrors.TargetKind,
                    $"needs samples of classes; the data set gives {context.Data.Target} targets."
                )
            )

        let labels =
            if o.ProxySamples > 0 || o.Split <> Split.Sources then
                SampleClasses.Of(context.Samples "train", string asker)
            else
                [||]

        let hidden, numbers =
            if o.ProxySamples > 0 then
                holdOut asker context o labels
            elif settings.Exchanges then
                proxies asker context o, Array.init labels.Length int64
            else
                [||], Array.init labels.Length int64

        let owned: int64[][] =
            if o.Split = Split.Sources then
                Array.init o.Clients (fun k ->
                    let source = $"client-{k + 1}"
                    requireAlike asker context source true
                    SampleClasses.Of(context.Samples source, string asker))
            else
                deal asker context o labels numbers

        let client (k: int) =
            let role = role asker context o k

            if owned[k].Length < 2 then
                raise (
                    asker.Refusal(
                        CoreErrors.NoSamples,
                        $"gives the client '{role}' {owned[k].Length} samples; it needs two.",
                        "Raise \"alpha\", take fewer clients, or another seed."
                    )
                )

            {
                Role = role
                Source = $"client-{k + 1}"
                Trainable = context.TrainableOf(role, [||])
                Counts = countsOf asker classes owned[k]
            }

        {
            Clients = Array.init o.Clients client
            Proxies =
                if settings.Exchanges then
                    context.SourceCount o.ProxySource
                else
                    0L
            Hidden = hidden
        }
