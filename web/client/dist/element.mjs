import{BarrageError as D}from"./barrage.mjs";function O(o){return new D("invalid",o)}function b(o,e,t){let{seq:i,userId:n,id:s,ts:a}=o;return n?n!==e.userId||s!==e.id?!1:s.startsWith("~")||Math.abs(a-e.ts)<=(s?12e4:0):t&&i>0&&i===e.seq}var G=/[\u202a-\u202e\u2066-\u2069]/g,_=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function f(o){return o.replace(G,"")}function y(o){let e=f(o);return _.
test(e)?`⁨${e}⁩`:e}var J=64,K=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function q({user:o,userId:e}){let t=o?.name;return typeof t!="string"?f(e):[...t.replace(/\s+/g," ").replace(K,"").
trim()].slice(0,J).join("").trim()||f(e)}function C(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var p=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},v=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function P(o,e){if(o>=e*.97)return;let t=e/Math.max(o,.01);if(t>=1.75)return{part:1,whole:Math.round(t)};let i=Math.min(9,Math.max(2,Math.round(o/(e-o))));return{
part:i,whole:i+1}}function R(o,e){return o.from-o.speed*(e-o.at)}var T=4,w=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/T)}clear(){this.last.fill(void 0)}place(e,t,i,n=0){
let s=Math.ceil(e.height/T),a=this.width+n;for(let r=0;r+s<=this.strips;r+=s){if(this.firstTaken(r,s,a,t,i)>=0)continue;let d={...e,speed:t,from:a,at:i,top:r*T};for(let l=r;l<r+s;l++)this.last[l]=d;return d}}firstTaken(e,t,i,n,s){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,i,n,s))return r;a=h}}return-1}staysBehind(e,t,i,n){let s=R(e,n)+e.width+this.gap;return s>t?!1:s<=0||i<=e.speed?
!0:t-i*(s/e.speed)>=0}};var U=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],j=1.4,Y='system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHe\
i", "Noto Sans CJK SC", sans-serif',E=12,k=60,Z=120,Q=900,V=8e3,M=class{constructor(e){this.canvas=e;this.context=e.getContext("2d")}canvas;tracks=new w(E);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;offered=new p;shown=new p;blank=!0;pictures;look={
family:Y,times:1,speed:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.
height=Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()}),this.waiting.length<=Z)return;let t=this.waiting.findIndex(
i=>i.comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}remove(e){this.drop(t=>b(e,t,!0))}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.
message)&&(t.sprite.width=1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}share(e){let t=this.offered.perSecond(e),i=this.shown.perSecond(e);return t<3?void 0:P(i,t)}draw(e){this.launch(
e);let{context:t,scale:i}=this;this.blank||t.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===0;let n=0;for(let s of this.flyers){let a=R(s.flight,e);if(a+s.flight.width<
0){this.spare.length<64&&this.spare.push(s.sprite);continue}this.flyers[n++]=s,a<this.width&&t.drawImage(s.sprite,a*i,s.flight.top*i+4*i)}this.flyers.length=n}launch(e){if(this.waiting=this.waiting.filter(
r=>e-r.since<(r.comment.look==="mine"?V:Q)),!this.waiting.length||!this.width)return;let t=this.density(e),i=Math.max(2,Math.ceil(this.waiting.length/6)),n=4,s=r=>+(r.comment.look==="mine"),a=this.waiting.
sort((r,h)=>s(h)-s(r));this.waiting=[];for(let r of a)i>0&&n>0&&this.fly(r.comment,t,e)?i--:(n--,this.waiting.push(r))}get base(){return .05+this.width/12e3}fly(e,{font:t,track:i,speed:n},s){let a=this.
partsOf(ee(e));this.context.font=`600 ${t}px ${this.look.family}`;let r=Math.ceil(a.reduce((l,c)=>l+this.widthOf(c,t),0))+A(e,t)*2,h=1+.3*Math.min(1,r/this.width),d=this.tracks.place({width:r,height:i},
this.base*n*h,s,Math.random()*60);return d?(this.ems+=(r/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:d,sprite:this.paint(e,a,t,d)}),!0):!1}density(e){let t=this.offered.perSecond(
e),{times:i,speed:n}=this.look,s=U.map(({font:r,track:h,speed:d})=>({font:r*i,track:h*i,speed:d*n}));return s.find(({font:r,track:h,speed:d})=>{let l=(this.ems*r+E)/(this.base*d*1e3);return t<.75*Math.
floor(this.height/h)/l})??s[s.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],i=[];if(!t.length||y(e)!==e)return[e];let n=0;for(let[s,a,r]of t){let h=this.pictures.of(r);h&&(i.push(e.slice(n,s),h),
n=a)}return[...i,e.slice(n)].filter(s=>s!=="")}widthOf(e,t){return typeof e=="string"?this.context.measureText(e).width:j*t}paint(e,t,i,{width:n,height:s}){let a=this.spare.pop()??document.createElement(
"canvas"),r=a.getContext("2d");a.width=Math.ceil(n*this.scale),a.height=Math.ceil(s*this.scale),r.scale(this.scale,this.scale),e.look!=="plain"&&(r.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rg\
b(160 96 0 / .62)",r.strokeStyle=e.look==="mine"?"#cfc9ff":"#ffd873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,n-2,s-2,s/2),r.fill(),r.stroke()),r.font=`600 ${i}px ${this.look.family}`,r.textBaseline=
"middle",r.lineJoin="round",r.lineWidth=i/6,r.strokeStyle="rgb(8 6 24 / .72)",r.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`;let h=s/2+1,d=j*i,l=A(e,i);for(let c of t)
typeof c=="string"?(r.strokeText(c,l,h),r.fillText(c,l,h)):r.drawImage(c,l,h-d/2,d,d),l+=t.length>1?this.widthOf(c,i):0;return a}};function A(o,e){return o.look==="plain"?3:e*.7}var X=new Intl.Segmenter;
function ee({text:o,who:e}){return(e?`${y(e)} `:"")+y(te(o))}function te(o){let e=o.replace(/\s+/g," ");if(e.length<=k)return e;let t=[...X.segment(e.slice(0,4*k))].map(i=>i.segment);return t.length<=
k?e:`${t.slice(0,k).join("")}…`}function L({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var I=30,ie=22,H=1e3,F=600,B=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${F}ms var(--barrage-fade) both; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,S=class{#s;#e;#n;#r;#t;#h;#d=new v(I,2*I);#a;#o=[];#i=[];#l=[];#u=()=>"";#c=0;#f=-H;constructor(e,t={}){let{look:i="fly",lines:n=8,fadeMs:s=0,area:a=1,size:r,font:h,accent:d,hide:l=()=>!1}=t;if(!["f\
ly","list","both"].includes(i))throw O(`cannot make an overlay: look is ${String(i)}, want fly, list or both`);x("lines",n,1,100),x("fadeMs",s,0,36e5),x("area",a,.1,1),r!==void 0&&x("size",r,8,200),this.#r=
Math.floor(n),this.#t=s,this.#h=l;let c=this.#s=m("div",`barrage${s>0?" barrage-fades":""}`),N={size:r&&`${r}px`,font:h,accent:d,fade:`${s}ms`,area:t.area&&String(a)};for(let[u,g]of Object.entries(N))
g&&c.style.setProperty(`--barrage-${u}`,g);if(i!=="list"){let u=m("canvas","barrage-sky");u.ariaHidden="true",c.append(u);let g=this.#e=new M(u);this.#a=new ResizeObserver(()=>g.resize()),this.#a.observe(
u)}i!=="fly"&&c.append(this.#n=m("ol","barrage-list")),e.append(c),this.#c=requestAnimationFrame(u=>this.#p(u))}show(e){this.clear(),this.#u=()=>e.epoch;let t=i=>this.#m(i);this.#l=[e.on("message",(i,{
history:n})=>this.#g(i,e.epoch,n)),e.on("recalled",i=>t((n,s)=>b(i,n,s===e.epoch))),e.on("purged",i=>t(n=>L(n,i))),e.on("cleared",i=>t((n,s)=>s!==i.epoch||n.seq<=i.seq))]}clear(){for(let e of this.#l.
splice(0))e();this.#m(()=>!0),this.#e?.clear()}close(){this.clear(),cancelAnimationFrame(this.#c),this.#a?.disconnect(),this.#s.remove()}#g(e,t,i){if(e.recalled||this.#h(e))return;let n=e.kind==="syst\
em",s=performance.now(),a=i?Math.max(0,Date.now()-e.ts):0;if(this.#n&&(this.#t===0||a<this.#t)&&(n||i||this.#d.take(s))&&(this.#i.push({message:e,epoch:t,node:this.#b(e,a),endsAt:this.#t>0?s+this.#t-a+
F:1/0}),this.#i.length>2*this.#r&&(this.#i=this.#i.slice(-this.#r))),i||document.hidden)return;let r=e.kind==="gift";this.#e?.add({message:e,text:e.body,...r?{who:q(e)}:{},look:r||n?"gift":"plain",hue:C(
e.userId)})}#b(e,t){let i=e.kind==="system",n=m("li",`barrage-row barrage-kind-${z(e.kind)}${i?" barrage-said":""}`),s=e.user?.role;return typeof s=="string"&&s&&n.classList.add(`barrage-role-${z(s)}`),
n.style.setProperty("--barrage-hue",String(C(e.userId))),t>0&&(n.style.animationDelay=`${this.#t-t}ms`),n.part.add("row"),i||n.append(m("b","barrage-name",q(e))," "),n.append(m("span","barrage-text",f(
e.body))),n}#m(e){let t=({message:i,epoch:n,node:s})=>e(i,n)?(s.remove(),!1):!0;this.#o=this.#o.filter(t),this.#i=this.#i.filter(t),this.#e?.drop(i=>e(i,this.#u()))}#y(e,t){if(t-this.#f>=H){let{fontFamily:i,
fontSize:n}=getComputedStyle(this.#s);e.look={family:i,times:parseFloat(n)/ie,speed:1},this.#f=t}e.draw(performance.now())}#p(e){if(this.#c=requestAnimationFrame(s=>this.#p(s)),this.#e&&this.#y(this.#e,
e),!this.#n)return;let t=this.#o.length>0&&this.#o[0].endsAt<=e;if(this.#i.length===0&&!t)return;let i=[...this.#o,...this.#i.splice(0)],n=i.filter(({endsAt:s})=>s>e).slice(-this.#r);for(let s of i)n.
includes(s)||s.node.remove();for(let{node:s}of n)s.isConnected||this.#n.append(s);this.#o=n}};function x(o,e,t,i){if(!(typeof e=="number"&&e>=t&&e<=i))throw O(`cannot make an overlay: ${o} is ${String(
e)}, want ${t} to ${i}`)}function z(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function m(o,e,t=""){let i=document.createElement(o);return i.className=e,t&&(i.dir="auto",i.textContent=t),i}import{Room as se}from"./barrage.mjs";var ne=":host { display: block; position: relative; min-height: 1em; } :host([hidden]) { display: none; }",re=["room","url","user-id","token","look","lines","fade",
"area","size","font","accent"],oe=globalThis.HTMLElement??class{},$=class extends oe{static observedAttributes=re;#s;#e;#n;#r=!1;get live(){return this.#e}get getToken(){return this.#s}set getToken(e){
this.#s=e,this.#t()}connectedCallback(){this.#t()}disconnectedCallback(){this.#t()}attributeChangedCallback(){this.#t()}#t(){this.#r||(this.#r=!0,queueMicrotask(()=>{this.#r=!1,this.#d(),this.isConnected&&
this.getAttribute("room")&&this.#h()}))}#h(){try{let e=this.#n=new S(this.#o(),this.#i()),t=this.#e=new se(this.#l());e.show(t),t.on("error",i=>this.#a(i)),t.connect()}catch(e){this.#d(),this.#a(e)}}#d(){
this.#n?.close(),this.#e?.close(),this.#n=this.#e=void 0}#a(e){this.dispatchEvent(new CustomEvent("barrage-error",{detail:e}))}#o(){if(this.shadowRoot)return this.shadowRoot;let e=this.attachShadow({mode:"\
open"}),t=new CSSStyleSheet;return t.replaceSync(ne+B),e.adoptedStyleSheets=[t],e}#i(){let e=(i,n=1)=>this.hasAttribute(i)?Number(this.getAttribute(i))*n:void 0,t={look:this.getAttribute("look")??void 0,
lines:e("lines"),fadeMs:e("fade",1e3),area:e("area"),size:e("size"),font:this.getAttribute("font")??void 0,accent:this.getAttribute("accent")??void 0};return W(t)}#l(){let[e,t,i,n]=["room","url","user\
-id","token"].map(s=>this.getAttribute(s)??void 0);return W({room:e,url:t,userId:i,...this.#s?{getToken:this.#s}:{token:n}})}};function W(o){return Object.fromEntries(Object.entries(o).filter(([,e])=>e!==
void 0))}globalThis.customElements&&!customElements.get("barrage-room")&&customElements.define("barrage-room",$);export{$ as BarrageRoom};
