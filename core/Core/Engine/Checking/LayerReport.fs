namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Globalization
open System.Text.Json.Nodes
open KdPlugins.Torch

/// A layer of a network.
type CheckedLayer =
    {
        /// Whose network it is in: a role, or "loss/...", "generator/..." and the like, as checkpoints call it.
        Role: string

        /// Its path in the network.
        Name: string

        /// The class of the module.
        Kind: string
    }

    override this.ToString() = $"{this.Role} {this.Name} ({this.Kind})"

/// A computation that this processor gets wrong, and the layers that make it.
type WrongLayers =
    {
        /// What they compute.
        Shape: string

        /// The answers that are wrong, with how far off they are.
        Faults: IReadOnlyList<LayerFault>

        /// How it ended the process that tried it; null where it did not.
        Ended: string

        /// The layers.
        Layers: IReadOnlyList<CheckedLayer>

        /// Whether they compute products of matrices instead, which are right.
        IsRouted: bool
    }

    static member private Most = 4

    static member private Text(fault: LayerFault) =
        let off =
            if Double.IsFinite fault.Off then
                String.Format(CultureInfo.InvariantCulture, "{0:0.####} % off", 100.0 * fault.Off)
            else
                "not finite"

        $"{fault.Answer} {off}"

    /// The share that the worst answer is off by; infinity where it is not finite or the process ends.
    member this.Worst =
        if not (isNull this.Ended) then
            infinity
        else
            this.Faults |> Seq.map _.Off |> Seq.fold max 0.0

    /// A line with the layers' names, of many layers the first.
    override this.ToString() =
        let found =
            if isNull this.Ended then
                this.Faults |> Seq.map WrongLayers.Text |> String.concat ", "
            else
                this.Ended

        let names =
            this.Layers
            |> Seq.truncate WrongLayers.Most
            |> Seq.map string
            |> String.concat ", "

        let more =
            if this.Layers.Count > WrongLayers.Most then
                $" and {this.Layers.Count - WrongLayers.Most} more"
            else
                ""

        let instead =
            if this.IsRouted then
                "; computed as a product of matrices"
            else
                ""

        $"{names}{more}: {this.Shape}: {found}{instead}"

    /// As reports have it.
    member this.ToJson() : JsonObject =
        let node = JsonObject()
        node["shape"] <- JsonValue.Create this.Shape
        node["ended"] <- JsonValue.Create this.Ended
        node["routed"] <- JsonValue.Create this.IsRouted

        node["faults"] <-
            JsonArray(
                [|
                    for fault in this.Faults ->
                        let one = JsonObject()
                        one["answer"] <- JsonValue.Create fault.Answer
                        one["off"] <- RunJson.number fault.Off
                        one :> JsonNode
                |]
            )

        node["layers"] <-
            JsonArray(
                [|
                    for layer in this.Layers ->
                        let one = JsonObject()
                        one["role"] <- JsonValue.Create layer.Role
                        one["name"] <- JsonValue.Create layer.Name
                        one["kind"] <- JsonValue.Create layer.Kind
                        one :> JsonNode
                |]
            )

        node

/// Whether this processor computes the layers of a run's networks as double precision does.
type LayerReport =
    {
        /// Layers that computed.
        Layers: int

        /// Different computations among theirs, by shape, layout, precision and the gradients that are needed.
        Shapes: int

        /// The most wrong first.
        Wrong: IReadOnlyList<WrongLayers>

        /// Layers that did not compute in the steps that were tried, or compute past what is looked at.
        Unseen: IReadOnlyList<string>
    }

    static member private Most = 10

    /// Those of Wrong that nothing takes the place of.
    member this.Left: IReadOnlyList<WrongLayers> =
        this.Wrong |> Seq.filter (fun w -> not w.IsRouted) |> Seq.toArray :> _

    /// As reports have it.
    member this.ToJson() : JsonObject =
        let node = JsonObject()
        node["layers"] <- JsonValue.Create this.Layers
        node["shapes"] <- JsonValue.Create this.Shapes

        node["wrong"] <- JsonArray(this.Wrong |> Seq.map (fun w -> w.ToJson() :> JsonNode) |> Seq.toArray)

        node["unseen"] <- RunJson.texts this.Unseen
        node

    /// A sentence, and a line for each wrong computation, of many the worst.
    override this.ToString() =
        if this.Wrong.Count = 0 then
            $"{this.Layers} layers of {this.Shapes} distinct shapes agree with double precision"
        else
            let wrong = this.Wrong |> Seq.collect _.Layers |> Seq.distinct |> Seq.length

            let lines =
                this.Wrong |> Seq.truncate LayerReport.Most |> Seq.map (fun w -> $"\n  {w}")

            let more =
                if this.Wrong.Count > LayerReport.Most then
                    $"\n  and {this.Wrong.Count - LayerReport.Most} more shapes"
                else
                    ""

            $"{wrong} of {this.Layers} layers are not what double precision gives:{String.Concat lines}{more}"
