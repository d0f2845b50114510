using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.OnnxModels;

/// <summary>What the main output of a network holds.</summary>
public enum OnnxAnswer
{
    /// <summary>Values before the softmax.</summary>
    Logits,

    /// <summary>Values behind it: their logarithms are taken for logits, which differ by a number per sample that no softmax sees.</summary>
    Probabilities,
}

/// <summary>The options of <c>onnx-teacher</c>.</summary>
public sealed record OnnxTeacherOptions
{
    /// <summary>The .onnx file, with its weights inside. Relative paths start at the recipe's folder.</summary>
    [Required, MinLength(1), RecipePath]
    public string Path { get; init; } = "";

    /// <summary>The output that is the main head: float32 [batch, classes], or [batch, classes, height, width].</summary>
    /// <value>Default empty: <c>logits</c>, or else the first output.</value>
    public string Logits { get; init; } = "";

    /// <summary>What that output holds.</summary>
    /// <value><c>logits</c> or <c>probabilities</c>; default <c>logits</c>.</value>
    public OnnxAnswer Answer { get; init; } = OnnxAnswer.Logits;

    /// <summary>The output that is the embedding: float32 [batch, length].</summary>
    /// <value>Default empty: none.</value>
    public string Embedding { get; init; } = "";

    /// <summary>Threads that ONNX Runtime computes with.</summary>
    /// <value>0 to 1024; default 0: as many as libtorch.</value>
    [Range(0, 1024)]
    public int Threads { get; init; }
}
