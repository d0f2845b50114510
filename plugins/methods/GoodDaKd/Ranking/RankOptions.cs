using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.GoodDaKd;

/// <summary>The options of <c>rank-augmentations</c>.</summary>
public sealed record RankOptions
{
    /// <summary>
    /// What to rank, separated by commas: augmentations by id (cutmix), several in a row (random-crop+cutout), sections as in a
    /// recipe ({"id":"cutout","options":{"size":16}}), each with NAME= before it if wanted; identity for none.
    /// </summary>
    [Required, Display(Prompt = "A,B,C")]
    public string Candidates { get; init; } = "";

    /// <summary>Training samples per candidate: more make narrower intervals.</summary>
    [Display(Prompt = "N")]
    public long Samples { get; init; } = 16_000;

    /// <summary>The teacher's weight file (.safetensors, .pth), where the recipe names none.</summary>
    [Display(Prompt = "FILE")]
    public string? Teacher { get; init; }

    /// <summary>The role that teaches.</summary>
    [Required, MinLength(1)]
    public string Role { get; init; } = Roles.Teacher;

    /// <summary>
    /// A complete run of a student that was trained with a candidate; with two or more of them the ranking says how well it
    /// foretold their test losses. May be repeated.
    /// </summary>
    [Display(Prompt = "NAME=RUN")]
    public IReadOnlyList<string> Outcome { get; init; } = [];
}
